/** In what state a connection comes back, and what the next user finds of that. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  InterfaceError,
  NotSupportedError,
  OperationalError,
  PgError,
} from "../../src/errors/errors.ts";
import type { LeaseReport } from "../../src/pool.ts";
import { pause, until } from "../_kit/waiting.ts";
import { collector } from "../_kit/collector.ts";
import { serverQuery, sharedServer } from "../_kit/servers.ts";
import { withPool } from "./pool_server.ts";

const PID = "select pg_backend_pid()";

test("pool: given back in a transaction, it is rolled back and reported", async () => {
  const reports: LeaseReport[] = [];
  await withPool({ max: 1, onDirtyRelease: (report) => reports.push(report) }, async (pool) => {
    const db = await pool.connect();
    const { processId } = db;
    await db.query("begin");
    await db.query("create table pool_dirty (n int)");
    await db.close();
    assert.equal(await pool.query("select to_regclass('pool_dirty')").scalar(), null);
    assert.equal(await pool.query(PID).scalar(), processId);
    const again = await pool.connect();
    const tx = await again.begin();
    await tx.query("select 1");
    await again.close();
    await assert.rejects(async () => await tx.query("select 1"), InterfaceError);
    assert.equal(await pool.query(PID).scalar(), processId);
  });
  assert.equal(reports.length, 2);
  assert.equal(reports[0]!.problem, "in a transaction");
  assert.equal(reports[0]!.remedy, "rolled back");
  assert.match(reports[0]!.takenAt.stack!, /pool_release\.test/);
});

test("pool: given back in a failed transaction or busy, it is closed and reported", async () => {
  const reports: LeaseReport[] = [];
  await withPool({ max: 1, onDirtyRelease: (report) => reports.push(report) }, async (pool) => {
    const failed = await pool.connect();
    const before = failed.processId;
    await failed.query("begin");
    await assert.rejects(async () => await failed.query("select 1/0"));
    await failed.close();
    const busy = await pool.connect();
    assert.notEqual(busy.processId, before);
    const running = assert.rejects(
      async () => await busy.query("select pg_sleep(30)"),
      OperationalError,
    );
    await pause(0.02);
    await busy.close();
    await running;
    assert.equal(await pool.query("select 1").scalar(), 1);
    assert.equal(pool.stats().retired.dirty, 2);
  });
  assert.deepEqual(reports.map(({ problem, remedy }) => [problem, remedy]), [
    ["in a failed transaction", "closed"],
    ["busy", "closed"],
  ]);
});

test("pool: given back in the midst of COPY, it is closed and reported", async () => {
  const problems: string[] = [];
  const onDirtyRelease = ({ problem }: LeaseReport) => void problems.push(problem);
  await withPool({ max: 1, onDirtyRelease }, async (pool) => {
    const into = await pool.connect();
    await into.query("create temp table pool_copying (n int)");
    const endless = async function* () {
      for (;;) yield await pause(0.01).then(() => "1\n");
    };
    const copy = assert.rejects(into.copyFrom("copy pool_copying from stdin", endless()), PgError);
    await pause(0.05);
    await into.close();
    await copy;
    const out = await pool.connect();
    const text = "copy (select generate_series(1, 10000000)) to stdout";
    const reader = out.copyTo(text)[Symbol.asyncIterator]();
    await reader.next();
    await out.close();
    await assert.rejects(async () => {
      while (!(await reader.next()).done);
    }, PgError);
    assert.equal(await pool.query("select 1").scalar(), 1);
    assert.equal(pool.stats().retired.dirty, 2);
  });
  assert.deepEqual(problems, ["busy", "busy"]);
});

test("pool: a begin that a connection is given back with is rolled back at once", async () => {
  const problems: string[] = [];
  const onDirtyRelease = ({ problem }: LeaseReport) => void problems.push(problem);
  await withPool({ max: 1, onDirtyRelease }, async (pool) => {
    const beginner = await pool.connect();
    await beginner.query("begin");
    await beginner.close();
    const db = await pool.connect();
    assert.equal(db.transactionStatus, "idle");
    await db.close();
  });
  assert.deepEqual(problems, ["in a transaction"]);
});

const STATE: readonly (readonly [what: string, change: string, left: string])[] = [
  [
    "SET",
    "set search_path to pool_nowhere",
    "select current_setting('search_path') like '%nowhere%'",
  ],
  [
    "set_config",
    "select set_config('cornac.x', 'y', false)",
    "select current_setting('cornac.x', true) = 'y'",
  ],
  ["SET ROLE", "set role u_trust", "select current_user = 'u_trust'"],
  ["LISTEN", "listen pool_channel", "select count(*) > 0 from pg_listening_channels()"],
  [
    "temporary tables",
    "create temp table pool_temp (n int)",
    "select to_regclass('pg_temp.pool_temp') is not null",
  ],
  [
    "advisory locks",
    "select pg_advisory_lock(4711)",
    "select count(*) > 0 from pg_locks where locktype = 'advisory' and objid = 4711",
  ],
  [
    "PREPARE",
    "prepare pool_statement as select 1",
    "select count(*) > 0 from pg_prepared_statements where name = 'pool_statement'",
  ],
];

for (const [what, change, left] of STATE) {
  for (const way of ["query", "simple", "batch"] as const) {
    test(`pool: ${what} by ${way}() is undone before the next user`, () =>
      withPool({ max: 1 }, async (pool) => {
        const db = await pool.connect();
        const { processId } = db;
        if (way === "query") await db.query(change);
        else if (way === "simple") await db.query(change).simple();
        else await db.batch([{ text: change }]);
        assert.equal(await db.query(left).scalar(), true);
        await db.close();
        const check = await pool.connect();
        assert.equal(check.processId, processId);
        assert.notEqual(await check.query(left).scalar(), true);
        await check.close();
      }));
  }
}

test("pool: a connection without changes to its state is returned without a round trip", () =>
  withPool({ max: 1 }, async (pool) => {
    const db = await pool.connect();
    await db.query("select set_config('cornac.x', $1, true)", ["y"]);
    await db.transaction((tx) => tx.query("set local work_mem = '1MB'"));
    await db.close();
    const again = await pool.connect();
    // The last statement that the server has seen of it is the user's own.
    const last = await serverLast(again.processId);
    assert.match(last, /^(?:commit|COMMIT)/);
    await again.close();
  }));

async function serverLast(pid: number): Promise<string> {
  const sql = `select query from pg_stat_activity where pid = ${pid}`;
  return (await serverQuery(await sharedServer(), sql))[0]![0]!;
}

test("pool: reset by DISCARD ALL or by a function; onConnect's settings survive every reset", async () => {
  const onConnect = async (db: { query(text: string): PromiseLike<unknown> }) =>
    void await db.query("set application_name to 'from onConnect'");
  const name = "select current_setting('application_name')";
  for (const reset of ["auto", "discard"] as const) {
    await withPool({ max: 1, reset, onConnect }, async (pool) => {
      const db = await pool.connect();
      assert.equal(await db.query(name).scalar(), "from onConnect");
      await db.query("set application_name to 'mine'");
      await db.close();
      assert.equal(await pool.query(name).scalar(), "from onConnect");
    });
  }
  let calls = 0;
  await withPool({ max: 1, reset: () => void calls++ }, async (pool) => {
    await (await pool.connect()).close();
    await pool.query("select 1");
  });
  assert.equal(calls, 1);
});

test('pool: pooler "transaction" refuses what needs a session of its own, before it is sent', () =>
  withPool({ max: 1, pooler: "transaction" }, async (pool) => {
    for (const [, text] of STATE) {
      await assert.rejects(async () => await pool.query(text), NotSupportedError);
      await assert.rejects(pool.transaction((tx) => tx.query(text).simple()), NotSupportedError);
    }
    await pool.transaction((tx) => tx.query("set local work_mem = '1MB'"));
  }));

const collect = collector();
const skip = collect === undefined && "the garbage collector cannot be called here";

test("pool: a lost connection is reported and its place given to others", { skip }, async () => {
  const reports: LeaseReport[] = [];
  await withPool({ max: 1, onLeak: (report) => reports.push(report) }, async (pool) => {
    const kept = await (async () => await (await pool.connect()).begin())();
    // Longer than it takes the pool to begin to look for it.
    for (let i = 0; i < 5; i++) await pause(0.5).then(collect);
    // What was made from the connection keeps it.
    assert.equal(await kept.query("select 1").scalar(), 1);
    await kept.rollback();
  });
  assert.equal(reports.length, 0);
  // Several, because what looks like a reference to one may be left on a stack.
  const max = 5;
  await withPool({ max, onLeak: (report) => reports.push(report) }, async (pool) => {
    const lose = async () => void (await (await pool.connect()).query("select 1"));
    for (let i = 0; i < max; i++) await lose();
    await until(() => (collect!(), reports.length > 0), 20);
    assert.equal(reports[0]!.problem, "lost");
    assert.match(reports[0]!.takenAt.stack!, /pool_release\.test/);
    assert.equal(await pool.query("select 1").scalar(), 1);
  });
});

test("pool: a connection held longer than leakWarning is reported once, with where it was taken", async () => {
  const reports: LeaseReport[] = [];
  const onLeak = (report: LeaseReport) => void reports.push(report);
  await withPool({ max: 1, leakWarning: 0.05, onLeak }, async (pool) => {
    const db = await pool.connect();
    await pause(0.3);
    await db.close();
    await (await pool.connect()).close();
    await pause(0.1);
  });
  assert.equal(reports.length, 1);
  assert.equal(reports[0]!.problem, "held long");
  assert.match(reports[0]!.takenAt.stack!, /pool_release\.test/);
});
