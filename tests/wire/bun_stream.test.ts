import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { before, describe, test } from "node:test";
import type { BunGlobal } from "../../src/runtime/bun_socket.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Address, Runtime, Stream, TlsFacts, TlsSettings } from "../../src/runtime/runtime.ts";
import { type Certificate, type Certificates, certificates, PASSPHRASE } from "../_kit/certs.ts";
import { Recorder } from "../_kit/recorder.ts";
import { run } from "../_kit/streams.ts";
import { acceptTls, type ServerTls } from "../_kit/tls_bridge.ts";

const skip = !("Bun" in globalThis) && "about the sockets of Bun.connect";
const LIMIT = { timeout: 20_000 };
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const sha1 = (data: Uint8Array) => createHash("sha1").update(data).digest("hex");
const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let runtime: Runtime;
let pki: Certificates;
before(async () => {
  runtime = await detectRuntime();
  pki = await certificates();
});

describe("a stream over Bun.connect", { skip }, () => {
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
    "a reset while paused with nothing unread is told at once",
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
    "what the server said before it reset is read although the write fails",
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

  test("an error says what was dialled", LIMIT, async () => {
    const address: Address = { kind: "unix", path: "/nonexistent/.s.PGSQL.5432" };
    await assert.rejects(runtime.connect(address, {}), {
      code: "ENOENT",
      message: "connect ENOENT /nonexistent/.s.PGSQL.5432",
    });
  });
});

/** Where TLS must work alike: the folder of a Unix socket, or TCP. */
const PLACES = ["tcp", "unix"] as const;

describe("TLS over Bun.connect", { skip }, () => {
  for (const place of PLACES) {
    test(`${place}: megabytes go both ways intact through a slow peer and pauses`, LIMIT, () => {
      const big = Uint8Array.from({ length: 3 << 20 }, (_, i) => (i * i * 31 + i) & 255);
      return secured({ place }, {}, async ({ stream, sink }) => {
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

  test(
    "the sink hears plain text only, and the end once",
    LIMIT,
    () =>
      secured({}, {}, async ({ stream, sink }) => {
        stream.resume();
        await stream.write(bytes("over TLS"));
        await sink.untilText("over TLS");
        await stream.closeWrite();
        await sink.untilLost();
        assert.deepEqual([sink.text, sink.cause, sink.losses], ["over TLS", undefined, 1]);
      }),
  );

  test("the version, cipher, protocol and certificate are told", LIMIT, () => {
    const alpn = ["other", "postgresql"];
    return secured(
      { tls: { alpn: ["postgresql"] } },
      { alpn, needsCertificate: true },
      ({ facts }) => {
        assert.equal(facts.version, "TLSv1.3");
        assert.match(facts.cipher!, /^TLS_/);
        assert.equal(facts.alpn, "postgresql");
        const pem = pki.server.cert.replace(/-----.*-----|\s/g, "");
        assert.equal(Buffer.from(facts.certificate!).toString("base64"), pem);
      },
    );
  });

  test(
    "no protocol agreed is an empty one",
    LIMIT,
    () => secured({}, { alpn: ["postgresql"] }, ({ facts }) => assert.equal(facts.alpn, "")),
  );

  test("minVersion and maxVersion bound what is agreed", LIMIT, async () => {
    await secured(
      {},
      { maxVersion: "TLSv1.2" },
      ({ facts }) => assert.equal(facts.version, "TLSv1.2"),
    );
    const old = { tls: { maxVersion: "TLSv1.2", fails: true } } as const;
    await refused(old, { minVersion: "TLSv1.3" }, /handshake/i);
  });

  test("a client certificate is presented, its key encrypted or not", LIMIT, async () => {
    const tls = { clientCa: "", alpn: undefined };
    for (const { cert, key } of [pki.client, pki.clientEncrypted]) {
      const wanted = { cert, key, passphrase: PASSPHRASE };
      await secured(
        { tls: { ...tls, clientCa: pki.ca.cert } },
        wanted,
        async ({ stream, sink }) => {
          stream.resume();
          await stream.write(bytes("WHO"));
          await sink.until(() => sink.text.endsWith("u_cert"));
        },
      );
    }
  });

  test(
    "a wrong passphrase is an InterfaceError, and the connection is closed",
    LIMIT,
    () =>
      refused(
        { tls: { fails: true } },
        { ...pki.clientEncrypted, passphrase: "wrong" },
        /passphrase/,
      ),
  );

  const IDENTITY: [keyof Certificates, Partial<TlsSettings>, RegExp | undefined][] = [
    ["server", { verify: "none" }, undefined],
    ["server", { verify: "ca" }, undefined],
    ["server", { verify: "full" }, undefined],
    ["server", { verify: "full", serverName: "127.0.0.1" }, undefined],
    ["server", { verify: "full", serverName: "::1" }, undefined],
    ["server", { verify: "full", sni: false }, undefined],
    ["server", { verify: "full", serverName: "127.0.0.2" }, /not for "127\.0\.0\.2"/],
    ["otherServer", { verify: "none" }, undefined],
    ["otherServer", { verify: "ca" }, /root that is not trusted|no trusted root/],
    ["otherServer", { verify: "full" }, /root that is not trusted|no trusted root/],
    ["wrongHost", { verify: "none" }, undefined],
    ["wrongHost", { verify: "ca" }, undefined],
    ["wrongHost", { verify: "full" }, /is for "wrong\.example", not for "localhost"/],
    ["wildcard", { verify: "full", serverName: "db.pg.test" }, undefined],
    ["wildcard", { verify: "full", serverName: "a.db.pg.test" }, /not for "a\.db\.pg\.test"/],
    ["expired", { verify: "none" }, undefined],
    ["expired", { verify: "ca" }, /expired/],
    ["expired", { verify: "ca", ca: undefined }, /refused|expired|root/],
    ["rsaPss", { verify: "none" }, undefined],
    ["server", { checkServerIdentity: () => new Error("not today") }, /refused: not today/],
  ];
  for (const [name, wanted, message] of IDENTITY) {
    const { verify = "full", serverName = "localhost" } = wanted;
    const what = `${verify} for ${serverName}${wanted.checkServerIdentity ? ", own check" : ""}`;
    const outcome = message === undefined ? "accepts" : "refuses";
    test(
      `verify ${what} ${outcome} the certificate ${name}${wanted.sni === false ? ", no SNI" : ""}`,
      LIMIT,
      () => {
        const certificate = pki[name];
        return message === undefined
          ? secured({ certificate }, wanted, () => {})
          : refused({ certificate }, wanted, message);
      },
    );
  }

  test("SNI carries the name, never an address, and nothing when it is off", LIMIT, async () => {
    const said = async (wanted: Partial<TlsSettings>) => {
      let name = "";
      await secured({}, { verify: "none", ...wanted }, async ({ stream, sink }) => {
        stream.resume();
        await stream.write(bytes("SNI"));
        await sink.until(() => sink.text.endsWith(";"));
        name = sink.text;
      });
      return name;
    };
    assert.equal(await said({ serverName: "db.example" }), "db.example;");
    assert.equal(await said({ serverName: "127.0.0.1" }), "false;");
    assert.equal(await said({ serverName: "db.example", sni: false }), "false;");
  });

  test(
    "a handshake that nobody answers is aborted with the signal's reason",
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
          await assert.rejects(stream.secure(settings({}), abort.signal), (cause) =>
            cause === reason);
          await gone(peers[0]!);
          assert.equal(sink.losses, 0);
        },
      ),
  );

  for (const answer of ["garbage", "FIN"]) {
    test(
      `${answer} instead of a handshake is an OperationalError, told once`,
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
          await assert.rejects(stream.secure(settings({})), { name: "OperationalError" });
          await later(20);
          assert.equal(sink.losses, 0);
        }),
    );
  }

  test(
    "plain bytes that follow the S are not taken for the server's",
    LIMIT,
    () =>
      withPeer(
        (socket) => void socket.once("data", () => socket.write("Sinjected")),
        async (address) => {
          const stream = await runtime.connect(address, {});
          const sink = await answered(stream);
          await assert.rejects(stream.secure(settings({})), { message: /unencrypted/ });
          assert.equal(sink.text, "S");
        },
      ),
  );

  test("a second upgrade is refused", LIMIT, () =>
    secured({}, {}, async ({ stream }) => {
      await assert.rejects(stream.secure(settings({})), { name: "InterfaceError" });
    }));

  test(
    "a stream that was unref'd before or after the handshake lets the process end",
    LIMIT,
    () =>
      withPeer(
        tlsAfterByte({ cert: pki.server.cert, key: pki.server.key }, () => {}),
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

describe("a socket of Bun.connect", { skip }, () => {
  const bun = () => (globalThis as unknown as { Bun: BunGlobal }).Bun;

  test(
    "is adopted mid-protocol and upgraded to TLS",
    LIMIT,
    () =>
      withPeer(
        tlsAfterByte({ cert: pki.server.cert, key: pki.server.key }, echo),
        async (address) => {
          const { host: hostname, port } = address as Address & { kind: "tcp" };
          const heard: string[] = [];
          const data = (_socket: unknown, chunk: Uint8Array) => void heard.push(String(chunk));
          const stream = runtime.adopt(await bun().connect({ hostname, port, socket: { data } }));
          assert.equal(stream.kind, "given");
          const sink = await answered(stream);
          await stream.secure(settings({}));
          stream.resume();
          await stream.write(bytes("hello"));
          await sink.untilText("Shello");
          assert.deepEqual(heard, []);
          await stream.close();
        },
      ),
  );

  test("is refused when a listener accepted it, for such share their handlers", LIMIT, async () => {
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
  readonly certificate?: Certificate;
  readonly tls?: Partial<ServerTls>;
}

interface Secured {
  readonly stream: Stream;
  readonly sink: Recorder;
  readonly facts: TlsFacts;
}

/** Has `use` run over a stream upgraded as `wanted`; the peer echoes, and answers `SNI` and `WHO`. */
async function secured(
  where: Where,
  wanted: Partial<TlsSettings>,
  use: (connection: Secured) => void | Promise<void>,
): Promise<void> {
  await overTls(where, async (stream) => {
    const sink = await answered(stream);
    sink.forget();
    const facts = await stream.secure(settings(wanted));
    await use({ stream, sink, facts });
    await stream.close();
  });
}

async function refused(where: Where, wanted: Partial<TlsSettings>, message: RegExp): Promise<void> {
  await overTls({ ...where, tls: { ...where.tls, fails: true } }, async (stream, peer) => {
    const sink = await answered(stream);
    await assert.rejects(stream.secure(settings(wanted)), { message });
    await gone(peer());
    assert.equal(sink.losses, 0);
  });
}

async function overTls(
  { place = "tcp", certificate = pki.server, tls }: Where,
  use: (stream: Stream, peer: () => Socket) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cornac-"));
  const serve = tlsAfterByte({ cert: certificate.cert, key: certificate.key, ...tls }, echo);
  const path = place === "unix" ? join(folder, "socket") : undefined;
  try {
    await withPeer(serve, async (address, peers) => {
      const stream = await runtime.connect(address, {});
      try {
        await use(stream, () => peers[0]!);
      } finally {
        stream.destroy();
      }
    }, path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface TlsPeer extends Socket {
  servername?: string | false;
  getPeerCertificate(): { subject?: { CN?: string } };
}

function echo(socket: TlsPeer): void {
  socket.on("end", () => socket.end());
  socket.on("data", (data) => {
    const text = data.length > 3 ? "" : data.toString();
    if (text === "SNI") socket.write(`${socket.servername};`);
    else if (text === "WHO") socket.write(String(socket.getPeerCertificate().subject?.CN));
    else if (!socket.write(data)) {
      socket.pause();
      socket.once("drain", () => socket.resume());
    }
  });
}

function tlsAfterByte(tls: ServerTls, serve: (socket: TlsPeer) => void): (socket: Socket) => void {
  return (socket) => {
    socket.once("data", async () => {
      let feed: ((bytes: Uint8Array) => void) | undefined;
      socket.on("data", (chunk) => feed?.(new Uint8Array(chunk)));
      const accepting = acceptTls(socket, new Uint8Array(0), tls, (to) => {
        feed = to;
        socket.write("S");
      });
      const inner = await accepting.catch(() => undefined);
      inner?.on("error", () => {});
      if (inner !== undefined) serve(inner as unknown as TlsPeer);
    });
  };
}

async function answered(stream: Stream): Promise<Recorder> {
  const sink = new Recorder(1);
  sink.paused = true;
  stream.start(sink);
  await stream.write(bytes("SSLRequest"));
  await sink.untilText("S");
  sink.paused = false;
  sink.room = 65_536;
  return sink;
}

function settings(more: Partial<TlsSettings>): TlsSettings {
  const ca = [pki.ca.cert];
  return {
    verify: "full",
    serverName: "localhost",
    sni: true,
    ca,
    needsCertificate: false,
    ...more,
  };
}

async function gone(peer: Socket): Promise<void> {
  peer.resume();
  if (peer.readableEnded || peer.closed || peer.destroyed) return;
  await new Promise<void>((resolve) => {
    peer.once("end", () => resolve());
    peer.once("close", () => resolve());
  });
}

async function withPeer(
  serve: (socket: Socket) => void,
  talk: (address: Address, peers: Socket[]) => Promise<void>,
  path?: string,
): Promise<void> {
  const peers: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    peers.push(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(path, resolve);
  });
  const at = server.address();
  const port = typeof at === "object" && at !== null ? at.port : 0;
  try {
    await talk(
      path === undefined ? { kind: "tcp", host: "127.0.0.1", port } : { kind: "unix", path },
      peers,
    );
  } finally {
    for (const socket of peers) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}
