import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { blackHole, type FaultProxy, faultProxy, type Faults } from "../_kit/fault_proxy.ts";
import { reset } from "../_kit/reset.ts";

const HELLO = "the quick brown fox jumps over the lazy dog";

test("fault proxy: without faults it is transparent, FIN included", async () => {
  const { text, chunks, end } = await talk({}, HELLO.length);
  assert.equal(text, HELLO);
  assert.equal(chunks, 1);
  assert.equal(end, "end");
});

test("fault proxy: slicing keeps the bytes and splits the reads", async () => {
  const { text, chunks } = await talk({ slice: 1 }, HELLO.length);
  assert.equal(text, HELLO);
  assert.equal(chunks, HELLO.length);
});

test("fault proxy: coalescing and latency keep the bytes", async () => {
  assert.equal((await talk({ coalesce: 0.02, latency: 0.01 }, HELLO.length)).text, HELLO);
});

test("fault proxy: corruption inverts exactly one byte", async () => {
  const { bytes } = await talk({ corruptAt: 4 }, HELLO.length);
  const differing = [...bytes].flatMap((byte, i) => byte === HELLO.charCodeAt(i) ? [] : [i]);
  assert.deepEqual(differing, [4]);
  assert.equal(bytes[4], HELLO.charCodeAt(4) ^ 0xff);
});

test("fault proxy: a cut at a byte delivers what came before, then RST or FIN", async () => {
  for (const [how, expected] of [["reset", "ECONNRESET"], ["end", "end"]] as const) {
    const { end, received } = await talk({ cutAt: 10, cutHow: how }, Infinity);
    assert.equal(end, expected);
    assert.ok(HELLO.startsWith(received) && received.length <= 10);
  }
});

test("fault proxy: a stall on demand passes nothing more and keeps the connection", async () => {
  await withProxy({}, async (client, proxy) => {
    client.write("a");
    assert.equal(String((await once(client, "data"))[0]), "a");
    proxy.down.stallAt = proxy.down.bytes;
    let more = "";
    client.on("data", (bytes) => more += bytes);
    client.write("b");
    while (proxy.down.bytes < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(more, "");
    assert.equal(client.readyState, "open");
  });
});

test("reset: a socket that is ending closes, where Node's own reset would leave it open", {
  timeout: 10_000,
}, async () => {
  const server = createServer();
  const closed = new Promise<void>((resolve) => {
    server.once("connection", (socket: Socket) => {
      socket.on("error", () => {}).on("close", () => resolve()).end(HELLO);
      reset(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: "127.0.0.1", port }).on("error", () => {}).resume();
  await closed;
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test("fault proxy: a black hole never answers a connect", async () => {
  const hole = await blackHole();
  const socket = connect({ host: hole.host, port: hole.port });
  const events: string[] = [];
  socket.on("connect", () => events.push("connect"));
  socket.on("error", (error) => events.push(error.message));
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.destroy();
  await hole.close();
  assert.deepEqual(events, []);
});

interface Talk {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly received: string;
  readonly chunks: number;
  readonly end: string;
}

/** Sends HELLO to an echo server; faults act on its answer. Ends after `length` bytes. */
async function talk(down: Faults, length: number): Promise<Talk> {
  return await withProxy(down, async (client) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const ended = new Promise<string>((resolve) => {
      client.once("error", (error: Error & { code?: string }) => resolve(error.code ?? ""));
      client.once("end", () => resolve("end"));
    });
    client.on("data", (bytes: Uint8Array) => {
      chunks.push(bytes);
      if ((size += bytes.length) >= length) client.end();
    });
    client.write(HELLO);
    const end = await ended;
    const bytes = Buffer.concat(chunks);
    const text = bytes.toString();
    return { bytes, text, received: text, chunks: chunks.length, end };
  });
}

async function withProxy<T>(
  down: Faults,
  body: (client: Socket, proxy: FaultProxy) => Promise<T>,
): Promise<T> {
  const echo = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  const { port } = echo.address() as AddressInfo;
  const proxy = await faultProxy({ host: "127.0.0.1", port }, { down });
  const client = connect({ host: proxy.host, port: proxy.port });
  await once(client, "connect");
  try {
    return await body(client, proxy);
  } finally {
    client.destroy();
    await proxy.close();
    await new Promise((resolve) => echo.close(resolve));
  }
}
