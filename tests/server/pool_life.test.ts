/** How a pool's connections come and go: options, connecting, timers, close(). */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { InterfaceError, OperationalError, PgError } from "../../src/errors/errors.ts";
import { createPool } from "../../src/pool.ts";
import { expiry } from "../../src/pool/slot.ts";
import { inTime, pause, until } from "../_kit/waiting.ts";
import { startCluster } from "../_kit/cluster.ts";
import { sharedServer } from "../_kit/servers.ts";
import { failure } from "../_kit/outcomes.ts";
import { as, withPool } from "./pool_server.ts";

const PID = "select pg_backend_pid()";

test("pool: a failure of onConnect fails one waiting caller, and the next connection is tried", async () => {
  let calls = 0;
  const onConnect = () => {
    if (calls++ === 0) throw new Error("not yet");
  };
  await withPool({ max: 1, onConnect }, async (pool) => {
    await assert.rejects(async () => await pool.query("select 1"), { message: "not yet" });
    assert.equal(await pool.query("select 1").scalar(), 1);
    assert.deepEqual([pool.stats().failedConnects, pool.stats().created], [1, 1]);
  });
});

test("pool: a slow onConnect does not delay the use of open connections", () => {
  let calls = 0;
  const onConnect = () => calls++ === 0 ? undefined : pause(0.5);
  return withPool({ max: 2, onConnect, acquireTimeout: 5 }, async (pool) => {
    const first = await pool.connect();
    const second = pool.connect();
    const third = pool.connect();
    await first.close();
    await (await second).close();
    await (await third).close();
  });
});

test("pool: a wrong password and an unknown database fail all waiting callers at once", async () => {
  const server = await sharedServer();
  const wrong = createPool({ ...as(server), user: "u_scram", password: "no" }, { max: 2 });
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => wrong.connect()));
  for (const outcome of outcomes) {
    assert.ok(outcome.status === "rejected" && outcome.reason.code === "28P01");
  }
  await wrong.close();
  const nowhere = createPool({ ...as(server), database: "pool_nowhere" });
  await assert.rejects(async () => await nowhere.query("select 1"), { code: "3D000" });
  await nowhere.close();
});

test("pool: the password is asked for at every connect", async () => {
  const server = await sharedServer();
  let asked = 0;
  const password = () => (asked++, "p scram");
  const pool = createPool({ ...as(server), user: "u_scram" }, { max: 2, password });
  const both = await Promise.all([pool.connect(), pool.connect()]);
  for (const db of both) await db.close();
  await pool.close();
  assert.equal(asked, 2);
});

test("pool: a password that was changed is the next connection's, and the old one opens none", async () => {
  const cluster = await startCluster({
    hba: "local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256\n",
  });
  try {
    await cluster.query("create role pool_rotating login password 'first'");
    let current = "first";
    const to = { ...as(cluster), user: "pool_rotating" };
    const pool = createPool(to, { max: 1, password: () => Promise.resolve(current) });
    const pid = await pool.query(PID).scalar();
    await cluster.query("alter role pool_rotating password 'second'");
    current = "second";
    assert.equal(await pool.query(PID).scalar(), pid, "what is open stays open");
    await cluster.query(`select pg_terminate_backend(${pid})`);
    await until(() => pool.stats().retired.lost === 1);
    assert.notEqual(await pool.query(PID).scalar(), pid);
    await pool.close();
    const late = createPool(to, { password: "first" });
    await assert.rejects(late.connect(), { code: "28P01" });
    await late.close();
  } finally {
    await cluster.stop();
  }
});

test("pool: a password file that was changed is read again before a connection is refused", async () => {
  const cluster = await startCluster({
    hba: "local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256\n",
  });
  const directory = mkdtempSync(join(tmpdir(), "cornac-passfile-"));
  const passfile = join(directory, "pgpass");
  const write = (password: string) =>
    writeFileSync(passfile, `*:*:*:*:${password}\n`, { mode: 0o600 });
  try {
    await cluster.query("create role pool_filed login password 'first'");
    write("first");
    const pool = createPool({ ...as(cluster), user: "pool_filed", passfile }, { max: 1 });
    const pid = await pool.query(PID).scalar();
    await cluster.query("alter role pool_filed password 'second'");
    write("second");
    await cluster.query(`select pg_terminate_backend(${pid})`);
    await until(() => pool.stats().retired.lost === 1);
    assert.notEqual(await pool.query(PID).scalar(), pid);
    await pool.close();
  } finally {
    rmSync(directory, { recursive: true });
    await cluster.stop();
  }
});

test("pool: files and environment are read again after a minute", async () => {
  const { now } = Date;
  const { PGAPPNAME } = process.env;
  const pool = createPool(as(await sharedServer()), { max: 3 });
  const nameOf = async (name: string): Promise<unknown> => {
    process.env.PGAPPNAME = name;
    const db = await pool.connect();
    taken.push(db);
    return await db.query("show application_name").scalar();
  };
  const taken: Awaited<ReturnType<typeof pool.connect>>[] = [];
  try {
    const first = await nameOf("first");
    const second = await nameOf("second");
    Date.now = () => now() + 61_000;
    assert.deepEqual([first, second, await nameOf("third")], ["first", "first", "third"]);
  } finally {
    Date.now = now;
    if (PGAPPNAME === undefined) delete process.env.PGAPPNAME;
    else process.env.PGAPPNAME = PGAPPNAME;
    for (const db of taken) await db.close();
    await pool.close();
  }
});

test("pool: an onConnect that never ends is given up after acquireTimeout, as is who waits for it", () =>
  withPool(
    { max: 1, acquireTimeout: 0.2, onConnect: () => new Promise(() => {}) },
    async (pool) => {
      await assert.rejects(pool.connect(), (error) => error instanceof PgError);
      await until(() => pool.stats().failedConnects >= 1);
      assert.equal(pool.stats().created, 0);
    },
  ));

test("pool: lifetimes are shortened by up to a tenth, each by another part", () => {
  const ends = Array.from({ length: 1000 }, () => expiry(3600, 0));
  assert.ok(ends.every((end) => end > 3_240_000 && end <= 3_600_000));
  assert.ok(new Set(ends).size > 900);
  assert.equal(expiry(0, 0), Infinity);
});

test("pool: idle connections are closed after idleTimeout, down to min", () =>
  withPool({ max: 3, min: 1, idleTimeout: 0.1 }, async (pool) => {
    const taken = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
    for (const db of taken) await db.close();
    await until(() => pool.stats().total === 1 && pool.stats().retired.idle === 2);
    await pause(0.3);
    assert.equal(pool.stats().total, 1);
  }));

test("pool: maxLifetime ends no query, and a busy connection ends when it is given back", () =>
  withPool({ max: 1, maxLifetime: 0.1 }, async (pool) => {
    const db = await pool.connect();
    const { processId } = db;
    await db.query("select pg_sleep(0.3)");
    assert.equal(await db.query(PID).scalar(), processId);
    await db.close();
    assert.notEqual(await pool.query(PID).scalar(), processId);
    assert.ok(pool.stats().retired.lifetime >= 1);
  }));

test("pool: a connection is closed after maxUses uses, alone or shared", () =>
  withPool({ max: 1, maxUses: 2 }, async (pool) => {
    const pids: unknown[] = [];
    for (let i = 0; i < 4; i++) pids.push(await pool.query(PID).scalar());
    const db = await pool.connect();
    pids.push(db.processId);
    await db.close();
    pids.push(await pool.query(PID).scalar());
    assert.deepEqual(pids.map((pid, i) => pid === pids[i - 1]), [0, 1, 0, 1, 0, 1].map(Boolean));
    await until(() => pool.stats().retired.uses === 3);
  }));

test("pool: destroy() fails what runs and what waits, and closes everything at once", () =>
  withPool({ max: 1 }, async (pool) => {
    const jobs = await pool.listen("pool_destroyed");
    const running = failure(pool.query("select pg_sleep(60)"));
    await until(() => pool.stats().leased === 1);
    const waiting = failure(pool.connect());
    pool.destroy();
    assert.match(String(await running), /the pool is closed|connection destroyed/);
    assert.match(String(await waiting), /the pool is closed/);
    assert.equal((await jobs.next()).done, true);
    assert.equal(pool.stats().total, 0);
    await assert.rejects(pool.connect(), /the pool is closed/);
    pool.destroy();
    await pool.close();
  }));

test("pool: after validateAfterIdle a connection is asked first", () =>
  withPool({ max: 1, validateAfterIdle: 0.01 }, async (pool) => {
    const pid = await pool.query(PID).scalar();
    await pause(0.05);
    assert.equal(await pool.query(PID).scalar(), pid);
  }));

test("pool: close() serves who waits, lets those finish who run, and refuses who comes later", async () => {
  const pool = createPool(as(await sharedServer()), { max: 1 });
  const running = pool.query("select pg_sleep(0.1)::text as s").execute();
  const waits = pool.transaction((tx) => tx.query("select 2 as n").scalar());
  const closing = pool.close();
  await assert.rejects(async () => await pool.query("select 3"), /the pool is closed/);
  await running;
  assert.equal(await waits, 2);
  await closing;
  await pool.close();
  assert.deepEqual([pool.stats().total, pool.stats().idle], [0, 0]);
});

test("pool: close() destroys what is not back in time", async () => {
  const pool = createPool(as(await sharedServer()), { max: 1 });
  const db = await pool.connect();
  const running = assert.rejects(
    async () => await db.query("select pg_sleep(30)"),
    OperationalError,
  );
  const waits = assert.rejects(pool.connect(), /the pool is closed/);
  await pool.close({ timeout: 0.1 });
  await Promise.all([running, waits]);
  await db.close();
  assert.equal(pool.stats().total, 0);
});

test("pool: wrong options are refused by name before anything is dialled", () => {
  const wrong: [object, RegExp][] = [
    [{ max: 0 }, /^max must be a whole number from 1/],
    [{ max: 2, min: 3 }, /min is above max/],
    [{ idleTimeout: -1 }, /^idleTimeout must be/],
    [{ acquireTimeout: Infinity }, /^acquireTimeout must be/],
    [{ reset: "all" }, /^reset must be/],
    [{ pooler: true }, /^pooler must be/],
    [{ maximum: 3 }, /unknown pool option "maximum"/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => createPool({}, options), (error: Error) => {
      assert.ok(error instanceof InterfaceError);
      assert.match(error.message, message);
      return true;
    });
  }
  assert.throws(() => createPool({ port: "x" as unknown as number }), InterfaceError);
});

/** Runs a program that does `work` with a pool, and sees whether it ends by itself after that. */
async function assertEnds(
  ends: boolean,
  { unref, sslMode = "disable", work = 'await pool.query("select 1");' }: {
    unref: boolean;
    sslMode?: string;
    work?: string;
  },
): Promise<void> {
  const mod = new URL("../../mod.ts", import.meta.url).href;
  const program = `
    import { createPool } from ${JSON.stringify(mod)};
    const options = ${JSON.stringify({ ...as(await sharedServer()), sslMode })};
    const pool = createPool(options, { unref: ${unref} });
    ${work}
    console.log("done");
  `;
  const folder = mkdtempSync(join(tmpdir(), "cornac-unref-"));
  const file = join(folder, "program.mjs");
  writeFileSync(file, program);
  const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  const child = spawn(process.execPath, [...flags, file], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await new Promise((resolve) => child.stdout!.once("data", resolve));
  const outcome = await inTime(ended, ends ? 20 : 1);
  child.kill("SIGKILL");
  await ended;
  rmSync(folder, { recursive: true });
  assert.equal(outcome, ends, work);
}

for (const sslMode of ["disable", "require"]) {
  test(
    `pool: an idle pool holds the process, unless it has unref (sslMode ${sslMode})`,
    { timeout: 60_000 },
    async () => {
      await assertEnds(true, { unref: true, sslMode });
      await assertEnds(false, { unref: false, sslMode });
    },
  );
}

test("pool: a pool with unref that cannot reach its server lets the process end", {
  timeout: 60_000,
}, async () => {
  const work = 'createPool({ host: "127.0.0.1", port: 1 }, { min: 1, unref: true });';
  await assertEnds(true, { unref: true, work });
});

test("pool: a subscription holds the process, connected or not, until it is closed", {
  timeout: 60_000,
}, async () => {
  const listen = 'const jobs = await pool.listen("pool_life");';
  const away = "createPool({ port: 1 }, { unref: true, waitForServer: true })" +
    '.listen("x", { timeout: 0 });';
  await assertEnds(false, { unref: true, work: listen });
  await assertEnds(false, { unref: true, work: away });
  await assertEnds(true, { unref: true, work: `${listen} await jobs.close();` });
});
