/** Connections over a WebSocket, through the relay of examples/ to a real server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket as WsClient } from "ws";
import { connect, type Connection, InterfaceError, OperationalError } from "../../mod.ts";
import { type WebSocketOptions, webSocketPair } from "../../src/websocket/websocket.ts";
import { withExampleServer } from "../_kit/example_server.ts";
import { assertUsable, failure, textOf } from "../_kit/outcomes.ts";
import { sharedServer } from "../_kit/servers.ts";

/** Node 20 has no WebSocket of its own. */
const PLATFORM: WebSocketOptions = "WebSocket" in globalThis
  ? {}
  : { WebSocket: WsClient as unknown as NonNullable<WebSocketOptions["WebSocket"]> };

/** Runs the relay, and `work` with a function that makes a URL of it. */
async function withRelay(
  work: (url: (address?: string) => string, port: number) => Promise<void>,
): Promise<void> {
  const { host, port } = await sharedServer();
  const target = `${host}:${port}`;
  const settings = { RELAY_TARGETS: target, RELAY_ORIGINS: "http://allowed.example" };
  await withExampleServer("server_relay", settings, async (relay) => {
    await work(
      (address = target) => `ws://127.0.0.1:${relay.port}/v1?address=${address}`,
      relay.port,
    );
    assert.equal(await relay.end(), 0);
  });
}

async function over(url: string, options: WebSocketOptions = {}): Promise<Connection> {
  const sock = await webSocketPair(url, { ...PLATFORM, ...options });
  return await connect({ sock, user: "postgres", database: "postgres", sslContext: false });
}

test("websocket: queries, pipelines, streams and COPY go through", () =>
  withRelay(async (url) => {
    const db = await over(url());
    const all = Array.from(
      { length: 200 },
      (_, i) => db.query("select $1::int as n", [i]).scalar(),
    );
    assert.deepEqual(await Promise.all(all), Array.from({ length: 200 }, (_, i) => i));
    let sum = 0;
    for await (
      const { n } of db.query<{ n: number }>("select n from generate_series(1, 20000) n")
    ) {
      sum += n;
    }
    assert.equal(sum, 200_010_000);
    await db.query("create temporary table t (a int)");
    assert.equal(await db.copyFrom("copy t from stdin", ["1\n2\n"]), 2);
    assert.equal(await textOf(db.copyTo("copy t to stdout")), "1\n2\n");
    await assertUsable(db);
    await db.close();
  }));

test("websocket: megabytes go both ways intact", () =>
  withRelay(async (url) => {
    const db = await over(url());
    const large = "0123456789".repeat(500_000);
    assert.equal(await db.query("select $1::text", [large]).scalar(), large);
    await db.close();
  }));

test("websocket: TLS reaches the server through the relay", () =>
  withRelay(async (url) => {
    const sock = await webSocketPair(url(), PLATFORM);
    const db = await connect({ sock, user: "postgres", database: "postgres", sslMode: "require" });
    const ssl = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    assert.equal(await db.query(ssl).scalar(), true);
    await db.close();
  }));

test("websocket: a server that goes away is a lost connection", () =>
  withRelay(async (url) => {
    const db = await over(url());
    const error = await failure(db.query("select pg_terminate_backend(pg_backend_pid())"));
    assert.equal(error.code, "57P01");
    await db.closed;
  }));

test("websocket: a target that is not listed is refused", () =>
  withRelay(async (url) => {
    const error = await failure(webSocketPair(url("10.0.0.1:5432"), PLATFORM));
    assert.ok(error instanceof OperationalError, String(error));
    assert.match(error.message, /^the WebSocket (failed|was closed)/);
  }));

test("websocket: an origin that is not listed is refused, a listed one is not", () =>
  withRelay(async (url) => {
    const status = (origin: string): Promise<unknown> =>
      new Promise((resolve) => {
        const client = new WsClient(url(), { origin });
        client.on("open", () => (client.terminate(), resolve("open")));
        client.on("error", () => resolve("refused"));
      });
    assert.equal(await status("http://evil.example"), "refused");
    assert.equal(await status("http://allowed.example"), "open");
  }));

test("websocket: an aborted signal closes it, with its reason", () =>
  withRelay(async (url) => {
    const controller = new AbortController();
    const db = await over(url(), { signal: controller.signal });
    const slow = db.query("select pg_sleep(60)").execute();
    controller.abort(new Error("enough"));
    const error = await failure(slow);
    assert.match(`${error.message} ${(error.cause as Error | undefined)?.message}`, /enough/);
    const reason = await failure(webSocketPair(url(), { ...PLATFORM, signal: controller.signal }));
    assert.equal(reason.message, "enough");
  }));

test("websocket: bytes that are not read end the connection at a limit", () =>
  withRelay(async (url) => {
    const { readable, writable } = await webSocketPair(url(), { ...PLATFORM, maxBuffered: 100 });
    const closed = failure(readable.getReader().closed);
    // A StartupMessage, which is answered by several hundred bytes.
    const startup = new TextEncoder().encode(
      "\0\0\0\x17\0\x03\0\0user\0postgres\0\0".padEnd(23, "\0"),
    );
    await writable.getWriter().write(startup.subarray(0, 23));
    assert.match((await closed).message, /over 100 bytes that were not read/);
  }));

test("websocket: wrong URLs and options are InterfaceErrors without the query's secrets", async () => {
  const error = await failure(webSocketPair("nowhere?token=secret", PLATFORM), InterfaceError);
  assert.match(error.message, /cannot open a WebSocket to "nowhere"/);
});
