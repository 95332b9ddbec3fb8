import assert from "node:assert/strict";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { listen, type Program, readSome, run } from "../_kit/streams.ts";
import { until } from "../_kit/waiting.ts";

const TIMEOUT = { timeout: 20_000 };
const DETECT = new URL("../../src/runtime/detect.ts", import.meta.url).href;

test("a refused connection rejects with a message", TIMEOUT, async () => {
  const listener = await listen();
  listener.close();
  const runtime = await detectRuntime();
  for (const host of ["127.0.0.1", "localhost"]) {
    const address = { kind: "tcp", host, port: listener.port } as const;
    await assert.rejects(runtime.connect(address, {}), /refused/i);
  }
  const missing = { kind: "unix", path: join(tmpdir(), "cornac-no-such-socket") } as const;
  await assert.rejects(runtime.connect(missing, {}), /ENOENT|No such file|not found/i);
});

/** Listens and never accepts; with a full queue a connection attempt gets no answer. */
const DEAF_LISTENER = `
  import { createServer } from "node:net";
  import { writeSync } from "node:fs";
  const server = createServer();
  server.listen({ port: 0, host: "0.0.0.0", backlog: 1 }, () => {
    writeSync(1, server.address().port + "\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

/** Returns a port where connecting hangs, on all addresses of this machine. */
async function blackHole(): Promise<{ port: number; close(): void }> {
  const program = run(DEAF_LISTENER);
  const port = Number(await program.line());
  const fillers: Socket[] = [];
  for (let full = false; !full;) {
    const socket = connectSocket({ port, host: "127.0.0.1" });
    socket.on("error", () => {});
    fillers.push(socket);
    full = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(true), 300);
      socket.once("connect", () => {
        clearTimeout(timer);
        resolve(false);
      });
    });
  }
  return {
    port,
    close() {
      for (const socket of fillers) socket.destroy();
      program.kill();
    },
  };
}

test("an aborted attempt rejects with the reason", TIMEOUT, async () => {
  const hole = await blackHole();
  try {
    const runtime = await detectRuntime();
    const abort = new AbortController();
    const address = { kind: "tcp", host: "127.0.0.1", port: hole.port } as const;
    const attempt = runtime.connect(address, { signal: abort.signal });
    const reason = new Error("changed my mind");
    setTimeout(() => abort.abort(reason), 20);
    await assert.rejects(attempt, (cause) => cause === reason);
  } finally {
    hole.close();
  }
});

test("a connection that opens at the moment of the abort is closed", TIMEOUT, async () => {
  let open = 0;
  const server = createServer((socket) => {
    open++;
    socket.on("error", () => {}).on("close", () => open--).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const runtime = await detectRuntime();
    for (let i = 0; i < 600; i++) {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), i % 2);
      const address = { kind: "tcp", host: "127.0.0.1", port } as const;
      await runtime.connect(address, { signal: abort.signal })
        .then((stream) => stream.destroy(), () => {});
    }
    await until(() => open === 0);
  } finally {
    server.close();
  }
});

test("a signal that was aborted before connects nothing", TIMEOUT, async () => {
  const listener = await listen();
  try {
    const runtime = await detectRuntime();
    const address = { kind: "tcp", host: "127.0.0.1", port: listener.port } as const;
    const reason = new Error("too late");
    const attempt = runtime.connect(address, { signal: AbortSignal.abort(reason) });
    await assert.rejects(attempt, (cause) => cause === reason);
  } finally {
    listener.close();
  }
});

/** Returns the exit code of a program, or `null` if it does not end by itself. */
async function exitOf(program: Program): Promise<number | null> {
  const timer = setTimeout(() => program.kill(), 8_000);
  const code = await program.exit;
  clearTimeout(timer);
  return code;
}

/** An address of this machine other than the loopback's, where Bun dials differently. */
const outside = Object.values(networkInterfaces()).flat()
  .find((one) => one?.family === "IPv4" && !one.internal)?.address;
const skip = outside === undefined && "this machine has no address but the loopback's";

test("an aborted attempt does not keep the process alive", { ...TIMEOUT, skip }, async () => {
  const hole = await blackHole();
  try {
    const program = run(`
      import { detectRuntime } from "${DETECT}";
      const runtime = await detectRuntime();
      const abort = new AbortController();
      const address = { kind: "tcp", host: "${outside}", port: ${hole.port} };
      setTimeout(() => abort.abort(), 50);
      await runtime.connect(address, { signal: abort.signal }).catch(() => {});`);
    assert.equal(await exitOf(program), 0);
  } finally {
    hole.close();
  }
});

for (const paused of [false, true]) {
  const state = paused ? "paused" : "reading";
  test(`an unref'd stream, ${state}, does not keep the process alive`, TIMEOUT, async () => {
    const listener = await listen();
    try {
      const program = run(`
        import { detectRuntime } from "${DETECT}";
        const runtime = await detectRuntime();
        const stream = await runtime.connect(
          { kind: "tcp", host: "127.0.0.1", port: ${listener.port} }, {});
        const buffer = new Uint8Array(1);
        let resolve;
        const first = new Promise((wake) => { resolve = wake; });
        const received = () => { resolve(); return ${!paused}; };
        stream.start({ space: () => buffer, received, chunk: received, lost() {} });
        await first;
        stream.unref();`);
      const peer = await listener.accept();
      peer.write("x");
      assert.equal(await exitOf(program), 0);
    } finally {
      listener.close();
    }
  });
}

test("a stream that reads keeps the process alive", TIMEOUT, async () => {
  const listener = await listen();
  try {
    const program = run(`
      import { detectRuntime } from "${DETECT}";
      const runtime = await detectRuntime();
      const stream = await runtime.connect(
        { kind: "tcp", host: "127.0.0.1", port: ${listener.port} }, {});
      const buffer = new Uint8Array(1);
      stream.unref();
      stream.ref();
      stream.start({ space: () => buffer, received: () => true, chunk: () => true,
        lost() { console.log("lost"); } });
      setTimeout(() => console.log("still here"), 300).unref?.();
      await stream.write(new Uint8Array(1));`);
    const peer = await listener.accept();
    await readSome(peer, 1);
    setTimeout(() => peer.end(), 600);
    // A process that had ended by itself would not have seen the peer's end.
    let last = await program.line();
    if (last === "still here") last = await program.line();
    assert.equal(last, "lost");
    assert.equal(await exitOf(program), 0);
  } finally {
    listener.close();
  }
});
