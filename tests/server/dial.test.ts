/** The option `dial`: whatever the user opens carries connections, cancel requests, pools and TLS. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectSocket, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import {
  connect,
  type ConnectOptions,
  createPool,
  type DialTarget,
  InterfaceError,
  OperationalError,
} from "../../mod.ts";
import { certificates } from "../_kit/certs.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { sharedServer } from "../_kit/servers.ts";

/** A tunnel to the shared server, whatever host is asked for, and the hosts that were asked for. */
async function tunnel(): Promise<{ options: ConnectOptions; dialled: string[] }> {
  const server = await sharedServer();
  const dialled: string[] = [];
  const dial = async ({ host, port }: DialTarget): Promise<unknown> => {
    dialled.push(`${host}:${port}`);
    if (host === "down.internal") throw new Error("the tunnel has no such host");
    return Duplex.toWeb(await open(server));
  };
  const login = { user: "postgres", database: "postgres", sslMode: "disable" } as const;
  return { options: { ...login, host: "db.internal", dial }, dialled };
}

async function open({ host, port }: { host: string; port: number }): Promise<Socket> {
  const socket = connectSocket({ host, port, noDelay: true });
  await once(socket, "connect");
  return socket;
}

test("dial: is given the host's name and port, and carries queries", async () => {
  const { options, dialled } = await tunnel();
  const db = await connect({ ...options, port: 6543 });
  await assertUsable(db);
  await db.close();
  assert.deepEqual(dialled, ["db.internal:6543"]);
});

test("dial: cancel() and timeouts reach the server by a stream of their own", async () => {
  const { options, dialled } = await tunnel();
  const db = await connect(options);
  const slow = failure(db.query("select pg_sleep(60)", [], { timeout: 0.1 }));
  assert.equal((await slow).code, "57014");
  const cancelled = db.query("select pg_sleep(60)").execute();
  setTimeout(() => cancelled.cancel(), 50);
  assert.equal((await failure(cancelled)).code, "57014");
  await assertUsable(db);
  await db.close();
  assert.equal(dialled.length, 3);
});

test("dial: several hosts are tried in order", async () => {
  const { options, dialled } = await tunnel();
  const db = await connect({ ...options, host: ["down.internal", "db.internal"] });
  await assertUsable(db);
  await db.close();
  assert.deepEqual(dialled, ["down.internal:5432", "db.internal:5432"]);
});

test("dial: a pool opens, replaces and closes its streams", async () => {
  const { options, dialled } = await tunnel();
  const pool = createPool(options, { max: 2 });
  const held = await Promise.all([pool.connect(), pool.connect()]);
  await Promise.all(held.map((db) => assertUsable(db)));
  held[0]!.destroy();
  await Promise.all(held.map((db) => db.close()));
  assert.equal(await pool.query("select 1").scalar(), 1);
  await pool.close();
  assert.ok(dialled.length >= 2);
});

test("dial: TLS goes over the stream", async () => {
  const { options } = await tunnel();
  const { ca } = await certificates();
  const secure = { sslMode: "verify-full", sslRootCert: ca.certPath, host: "localhost" } as const;
  const db = await connect({ ...options, ...secure });
  const ssl = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
  assert.equal(await db.query(ssl).scalar(), true);
  await db.close();
});

test("dial: its error is the cause of the connection's", async () => {
  const { options } = await tunnel();
  const error = await failure(connect({ ...options, host: "down.internal" }), OperationalError);
  assert.match(error.message, /down\.internal port 5432: .*the tunnel has no such host/);
});

test("dial: a stream that comes after connectTimeout is closed", async () => {
  const server = await sharedServer();
  let late: Socket | undefined;
  const dial = async ({ signal }: DialTarget): Promise<unknown> => {
    const socket = await open(server);
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    return late = socket;
  };
  const error = await failure(connect({ user: "postgres", host: "h", dial, connectTimeout: 0.1 }));
  assert.match(error.message, /connect timed out after 0\.1 s/);
  if (late?.destroyed !== true) await once(late!, "close");
});

const WRONG: readonly [options: ConnectOptions, phrase: RegExp][] = [
  [{ dial: () => undefined }, /dial must return an open connection, not undefined/],
  [{ dial: () => 5 }, /sock must be an open connection/],
  [{ dial: "x" as never }, /^dial must be a function/],
  [{ dial: () => {}, sock: {} }, /^dial and sock exclude each other/],
  [
    { dial: () => {}, sourceAddress: { host: "::1" } },
    /^dial and sourceAddress exclude each other/,
  ],
];

for (const [options, phrase] of WRONG) {
  test(`dial: ${phrase} is an InterfaceError`, async () => {
    const error = await failure(connect({ user: "u", host: "h", ...options }), InterfaceError);
    assert.match(error.message, phrase);
  });
}
