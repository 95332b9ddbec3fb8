import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { before, describe, test } from "node:test";
import type { BunGlobal } from "../../src/runtime/bun_socket.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Address, Runtime, Stream } from "../../src/runtime/runtime.ts";
import { type Certificates, certificates } from "../_kit/certs.ts";
import { Recorder } from "../_kit/recorder.ts";
import { run } from "../_kit/streams.ts";
import { answered, echo, gone, settings, tlsAfterByte, withPeer } from "../_kit/tls_peer.ts";

const skip = !("Bun" in globalThis) && "about the sockets of Bun.connect";
const LIMIT = { timeout: 20_000, skip };
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const sha1 = (data: Uint8Array) => createHash("sha1").update(data).digest("hex");
const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let runtime: Runtime;
let pki: Certificates;
before(async () => {
  runtime = await detectRuntime();
  pki = await certificates();
});

describe("a stream over Bun.connect", () => {
  test(
    "bytes that come with a reset while paused wait for resume, and so does the loss",
    LIMIT,
    () =>
      withPeer((socket) => void socket.write("first"), async (address, peers) => {
        const stream = await runtime.connect(address, {});
        const sink = new Recorder();
        sink.paused = true;
        stream.start(sink);
        await sink.untilText("first");
        peers[0]!.write("second");
        await later(30);
        peers[0]!.resetAndDestroy();
        await later(50);
        assert.deepEqual(sink.events, ["data"]);
        sink.paused = false;
        stream.resume();
        await sink.untilLost();
        assert.equal(sink.text, "firstsecond");
        assert.equal((sink.cause as { code?: string }).code, "ECONNRESET");
        assert.equal(sink.losses, 1);
      }),
  );

  test(
    "a reset while paused with nothing unread is reported at once",
    LIMIT,
    () =>
      withPeer((socket) => void socket.write("first"), async (address, peers) => {
        const stream = await runtime.connect(address, {});
        const sink = new Recorder();
        sink.paused = true;
        stream.start(sink);
        await sink.untilText("first");
        peers[0]!.resetAndDestroy();
        await sink.untilLost();
        assert.equal((sink.cause as { code?: string }).code, "ECONNRESET");
      }),
  );

  test(
    "bytes that the server sent before its reset are read although the write fails",
    LIMIT,
    () =>
      withPeer((socket) => {
        socket.once("data", () => {
          socket.write("FATAL: shutting down");
          setTimeout(() => socket.resetAndDestroy(), 10);
        });
      }, async (address, peers) => {
        const stream = await runtime.connect(address, {});
        const sink = new Recorder();
        sink.paused = true;
        stream.start(sink);
        await stream.write(bytes("x"));
        await sink.until(() => sink.text !== "");
        await later(60);
        assert.ok(peers[0]!.destroyed);
        assert.equal(sink.text, "FATAL: shutting down");
        await assert.rejects(Promise.resolve(stream.write(bytes("y"))));
        await sink.untilLost();
        assert.notEqual(sink.cause, undefined);
        assert.equal(sink.losses, 1);
      }),
  );

  test(
    "a path in the abstract namespace and a late close of both sides",
    LIMIT,
    () =>
      withPeer(
        (socket) => void socket.on("data", (data) => socket.write(data)),
        async (address) => {
          const stream = await runtime.connect(address, {});
          const sink = new Recorder();
          stream.start(sink);
          await stream.write(bytes("ping"));
          await sink.untilText("ping");
          await stream.close();
          assert.equal(stream.kind, "unix");
          assert.equal(sink.losses, 0);
        },
        `\0cornac-test-${process.pid}`,
      ),
  );

  test("an error names the address", LIMIT, async () => {
    const address: Address = { kind: "unix", path: "/nonexistent/.s.PGSQL.5432" };
    await assert.rejects(runtime.connect(address, {}), {
      code: "ENOENT",
      message: "connect ENOENT /nonexistent/.s.PGSQL.5432",
    });
  });
});

/** The places where TLS must work: the directory of a Unix socket, or TCP. */
const PLACES = ["tcp", "unix"] as const;

describe("TLS over Bun.connect", () => {
  for (const place of PLACES) {
    test(`${place}: megabytes go both ways intact through a slow peer and pauses`, LIMIT, () => {
      const big = Uint8Array.from({ length: 3 << 20 }, (_, i) => (i * i * 31 + i) & 255);
      return secured({ place }, async ({ stream, sink }) => {
        sink.paused = true;
        const resuming = setInterval(() => stream.resume(), 1);
        stream.resume();
        await stream.write(big);
        await sink.until(() => sink.size >= big.length);
        clearInterval(resuming);
        assert.equal(sha1(sink.bytes), sha1(big));
        assert.equal(sink.losses, 0);
      });
    });
  }

  test("close sends what the kernel and the TLS layer still hold", LIMIT, () => {
    const { promise, resolve } = defer<void>();
    let received = 0;
    const serve = tlsAfterByte(pki.server, (peer) => {
      setTimeout(() => peer.on("data", (data) => received += data.length), 50);
      peer.on("end", resolve);
    });
    return withPeer(serve, async (address) => {
      const stream = await runtime.connect(address, {});
      await answered(stream);
      await stream.secure(await settings());
      const writing = stream.write(new Uint8Array(5_000_000));
      await stream.close();
      await writing;
      await promise;
      assert.equal(received, 5_000_000);
    });
  });

  test("destroy does not wait for the peer's close_notify", LIMIT, () => {
    const serve = tlsAfterByte(pki.server, (peer) => void peer.resume());
    return withPeer(serve, async (address, peers) => {
      const stream = await runtime.connect(address, {});
      await answered(stream);
      await stream.secure(await settings());
      stream.destroy();
      await gone(peers[0]!);
    });
  });

  test(
    "the sink gets plain text only, and the end once",
    LIMIT,
    () =>
      secured({}, async ({ stream, sink }) => {
        stream.resume();
        await stream.write(bytes("over TLS"));
        await sink.untilText("over TLS");
        await stream.closeWrite();
        await sink.untilLost();
        assert.deepEqual([sink.text, sink.cause, sink.losses], ["over TLS", undefined, 1]);
      }),
  );

  test(
    "an unanswered handshake is aborted with the signal's reason",
    LIMIT,
    () =>
      withPeer(
        (socket) => void socket.once("data", () => socket.write("S")),
        async (address, peers) => {
          const stream = await runtime.connect(address, {});
          const sink = await answered(stream);
          const abort = new AbortController();
          const reason = new Error("enough");
          setTimeout(() => abort.abort(reason), 30);
          await assert.rejects(stream.secure(await settings(), abort.signal), (cause) =>
            cause === reason);
          await gone(peers[0]!);
          assert.equal(sink.losses, 0);
        },
      ),
  );

  for (const answer of ["garbage", "FIN"]) {
    test(
      `${answer} instead of a handshake is one OperationalError`,
      LIMIT,
      () =>
        withPeer((socket) => {
          socket.once("data", () => {
            socket.write("S");
            socket.once(
              "data",
              () => answer === "FIN" ? socket.end() : socket.write("EFATAL no TLS\0\0"),
            );
          });
        }, async (address) => {
          const stream = await runtime.connect(address, {});
          const sink = await answered(stream);
          await assert.rejects(stream.secure(await settings()), { name: "OperationalError" });
          await later(20);
          assert.equal(sink.losses, 0);
        }),
    );
  }

  test(
    "plain bytes that follow the S are refused",
    LIMIT,
    () =>
      withPeer(
        (socket) => void socket.once("data", () => socket.write("Sinjected")),
        async (address) => {
          const stream = await runtime.connect(address, {});
          const sink = await answered(stream);
          await assert.rejects(stream.secure(await settings()), { message: /unencrypted/ });
          assert.equal(sink.text, "S");
        },
      ),
  );

  test("a second upgrade is refused", LIMIT, () =>
    secured({}, async ({ stream }) => {
      await assert.rejects(stream.secure(await settings()), { name: "InterfaceError" });
    }));

  test(
    "a stream that was unref'd before or after the handshake lets the process end",
    LIMIT,
    () =>
      withPeer(
        tlsAfterByte(pki.server, () => {}),
        async (address) => {
          for (const when of ["before", "after"]) {
            const program = run(`
          import { detectRuntime } from ${
              JSON.stringify(new URL("../../src/runtime/detect.ts", import.meta.url).href)
            };
          const stream = await (await detectRuntime()).connect(${JSON.stringify(address)}, {});
          let answered;
          stream.start({
            space: () => new Uint8Array(1), received: () => false, chunk: () => (answered(), false),
            lost: (cause) => console.log("lost", cause),
          });
          const byte = new Promise((resolve) => answered = resolve);
          await stream.write(new Uint8Array(8));
          await byte;
          const tls = { verify: "none", serverName: "localhost", sni: true, needsCertificate: false };
          if (${when === "before"}) stream.unref();
          const securing = stream.secure(tls);
          const keep = setInterval(() => {}, 1000);
          await securing;
          clearInterval(keep);
          if (${when === "after"}) stream.unref();
          stream.resume();`);
            const timer = setTimeout(() => program.kill(), 8_000);
            assert.equal(await program.exit, 0, when);
            clearTimeout(timer);
          }
        },
      ),
  );
});

describe("a socket of Bun.connect", () => {
  const bun = () => (globalThis as unknown as { Bun: BunGlobal }).Bun;

  test(
    "is adopted mid-protocol and upgraded to TLS",
    LIMIT,
    () =>
      withPeer(
        tlsAfterByte(pki.server, echo),
        async (address) => {
          const { host: hostname, port } = address as Address & { kind: "tcp" };
          const heard: string[] = [];
          const data = (_socket: unknown, chunk: Uint8Array) => void heard.push(String(chunk));
          const stream = runtime.adopt(await bun().connect({ hostname, port, socket: { data } }));
          assert.equal(stream.kind, "given");
          const sink = await answered(stream);
          await stream.secure(await settings());
          stream.resume();
          await stream.write(bytes("hello"));
          await sink.untilText("Shello");
          assert.deepEqual(heard, []);
          await stream.close();
        },
      ),
  );

  test("is refused if a listener accepted it, because its handlers are shared", LIMIT, async () => {
    const { promise, resolve } = defer<unknown>();
    type Listen = (options: unknown) => { port: number; stop(all: boolean): void };
    const { listen } = bun() as unknown as { listen: Listen };
    const socket = { open: resolve, data() {} };
    const listener = listen({ hostname: "127.0.0.1", port: 0, socket });
    const { port } = listener;
    const stream = await runtime.connect({ kind: "tcp", host: "127.0.0.1", port }, {});
    const accepted = await promise;
    assert.throws(() => runtime.adopt(accepted), {
      name: "InterfaceError",
      message: /Bun\.listen/,
    });
    stream.destroy();
    listener.stop(true);
  });
});

function defer<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  return { promise: new Promise<T>((settle) => resolve = settle), resolve };
}

interface Where {
  readonly place?: "tcp" | "unix";
}

interface Secured {
  readonly stream: Stream;
  readonly sink: Recorder;
}

/** Runs `use` on a stream upgraded as `wanted`; the peer echoes, and answers `SNI` and `WHO`. */
async function secured(
  where: Where,
  use: (connection: Secured) => void | Promise<void>,
): Promise<void> {
  await overTls(where, async (stream) => {
    const sink = await answered(stream);
    sink.forget();
    await stream.secure(await settings());
    await use({ stream, sink });
    await stream.close();
  });
}

async function overTls(
  { place = "tcp" }: Where,
  use: (stream: Stream) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cornac-"));
  const serve = tlsAfterByte(pki.server, echo);
  const path = place === "unix" ? join(folder, "socket") : undefined;
  try {
    await withPeer(serve, async (address) => {
      const stream = await runtime.connect(address, {});
      try {
        await use(stream);
      } finally {
        stream.destroy();
      }
    }, path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
