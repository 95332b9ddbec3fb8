/**
 * Requests on one connection take effect in the order in which they were made, also those that the
 * driver has to ask about first or to run again. Each request is checked against what those before it
 * come to.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { type Connection, type ConnectOptions, PgError } from "../../mod.ts";
import { Random, seedOfToday } from "../wire/model.ts";
import { withDatabase } from "../_kit/databases.ts";
import { unseen } from "../_kit/unseen.ts";

const SEED = seedOfToday(process.env.MODEL_SEED);
const LOSE = "deallocate all";
/** Drops and creates the types and the table, so that their OIDs are new. */
const RENEW = `drop table if exists log; drop type if exists mood, spot;
  create type pg_temp.mood as enum ('sad', 'ok'); create type pg_temp.spot as (x int, m mood);
  create temp table log (n int, moods mood[], spot spot, at timestamptz)`;

/** The state after the statements so far. */
interface State {
  rows: number;
  /** At the BEGIN of the transaction that is open. */
  atBegin: number | undefined;
  hasFailed: boolean;
}

/** Makes a request, at once; returns the check of what comes of it. */
type Step = (db: Connection, state: State) => Promise<void>;

const STEPS: Readonly<Record<string, Step>> = {
  insert: (db, state) => adds(db.query("insert into log (n) values ($1)", [1]), 1, state),
  "an array of enums": (db, state) =>
    adds(db.query("insert into log (moods) values ($1)", [["ok", null]]), 1, state),
  "a composite": (db, state) =>
    adds(db.query("insert into log (spot) values ($1)", [{ x: 1, m: "sad" }]), 1, state),
  executeMany: (db, state) => {
    const rows = [[new Date(0)], [new Date(1)], [null]];
    return adds(db.executeMany("insert into log (at) values ($1)", rows), 3, state);
  },
  batch: (db, state) =>
    adds(
      db.batch([
        { text: "insert into log (spot) values ($1)", parameters: [{ x: 2, m: null }] },
        { text: "insert into log (n) values ($1)", parameters: [2] },
      ]).then(([first]) => first!),
      2,
      state,
    ),
  count: (db, state) => {
    const query = db.query("select count(*)::int from log").values().execute();
    const { rows } = state;
    return meets(query, state, (result) => assert.deepEqual([...result], [[rows]]));
  },
  begin: (db, state) => {
    if (state.atBegin !== undefined) return STEPS.count!(db, state);
    state.atBegin = state.rows;
    return meets(db.query("begin").execute(), state, () => {});
  },
  rollback: (db, state) => {
    if (state.atBegin === undefined) return STEPS.count!(db, state);
    state.rows = state.atBegin;
    state.atBegin = undefined;
    state.hasFailed = false;
    return meets(db.query("rollback").execute(), state, () => {});
  },
  fail: (db, state) => {
    const query = db.query("select 1 / $1::int", [0]).execute();
    const codes = state.hasFailed ? ["25P02"] : ["22012"];
    if (state.atBegin !== undefined) codes.push("26000"); // lost statements are an error there
    if (state.atBegin !== undefined) state.hasFailed = true;
    return refused(query, codes);
  },
};

function adds(
  result: PromiseLike<{ rowCount: number }>,
  rows: number,
  state: State,
): Promise<void> {
  if ("execute" in result) (result as { execute(): void }).execute();
  const { hasFailed } = state;
  if (!hasFailed) state.rows += rows;
  return meets(result, state, ({ rowCount }) => assert.ok(rowCount > 0));
}

async function meets<T>(
  result: PromiseLike<T>,
  { hasFailed }: State,
  check: (result: T) => void,
): Promise<void> {
  if (hasFailed) await refused(result, ["25P02", "26000"]);
  else check(await result);
}

async function refused(result: PromiseLike<unknown>, codes: readonly string[]): Promise<void> {
  const error = await result.then(() => undefined, (error) => error);
  assert.ok(error instanceof PgError, String(error));
  assert.ok(codes.includes(error.code ?? ""), `${error.code}: ${error.message}`);
}

/** Rounds of requests that are all made before the first is answered. */
async function inOrder(
  options: ConnectOptions,
  rounds: number,
  between: (
    db: Connection,
    random: Random,
    run: (sql: string) => Promise<void>,
  ) => Promise<void>,
  kinds: readonly string[] = Object.keys(STEPS),
): Promise<void> {
  const random = new Random(SEED);
  await withDatabase(async (db) => {
    const run = await unseen(db);
    await db.query(RENEW).simple();
    for (let round = 0; round < rounds; round++) {
      await between(db, random, run);
      const rows = await db.query("select count(*)::int from log").scalar<number>();
      const state: State = { rows, atBegin: undefined, hasFailed: false };
      const made: string[] = [];
      const outcomes = Array.from({ length: 12 }, () => {
        const kind = kinds[random.below(kinds.length)]!;
        made.push(kind);
        return STEPS[kind]!(db, state);
      });
      outcomes.push(STEPS.rollback!(db, state));
      const settled = await Promise.allSettled(outcomes);
      const at = settled.findIndex(({ status }) => status === "rejected");
      if (at < 0) continue;
      const { reason } = settled[at] as PromiseRejectedResult;
      const message = `round ${round}, request ${at} of ${made.join(", ")} (MODEL_SEED=${SEED})`;
      throw new Error(message, { cause: reason });
    }
  }, options);
}

const OUTSIDE = Object.keys(STEPS).filter((kind) => kind !== "begin");

test(`order (seed ${SEED}): with one on the wire at a time, statements get lost and types are new`, () =>
  inOrder({ maxPipelined: 1 }, 60, async (db, random, run) => {
    if (random.below(2) === 0) await run(LOSE);
    if (random.below(4) === 0) await db.query(RENEW).simple();
  }, OUTSIDE));

test(`order (seed ${SEED}): with many on the wire, types are new, also inside of transactions`, () =>
  inOrder({}, 60, async (db, random) => {
    if (random.below(3) > 0) return;
    await db.query(RENEW).simple();
    await db.query("deallocate all");
  }));

for (const maxPipelined of [1, 100]) {
  test(`order (seed ${SEED}): no transaction is begun late because a statement was lost, ${maxPipelined} on the wire`, () =>
    inOrder({ maxPipelined }, 60, (_db, _random, run) => run(LOSE), [
      "begin",
      "rollback",
      "fail",
    ]));
}

test("order: a query that would be run again in a transaction begun behind it, by a query, fails instead", () =>
  withDatabase(async (db) => {
    const run = await unseen(db);
    const text = "select pg_current_xact_id_if_assigned() is null as is_outside";
    await db.query(text);
    await run(LOSE);
    const query = db.query(text).execute();
    const begun = ["begin", "select pg_current_xact_id() as own"].map((text) =>
      db.query(text).execute()
    );
    await refused(query, ["26000"]);
    await Promise.all(begun);
    await db.query("rollback");
    assert.equal(await db.query(text).scalar(), true);
  }));

test("order: a statement is prepared again after its parameter's type was dropped and created", () =>
  withDatabase(async (db) => {
    for (let i = 0; i < 3; i++) {
      await db.query(RENEW).simple();
      for (let j = 0; j < 2; j++) await db.query("insert into log (moods) values ($1)", [["ok"]]);
      const rows = await db.query("select moods[1] from log where moods = $1", [["ok"]]).values();
      assert.deepEqual([...rows], [["ok"], ["ok"]]);
    }
  }));

test("order: what begins, ends or sets something is never prepared", () =>
  withDatabase(async (db) => {
    const texts = [
      "begin",
      "  -- so\n /* it */ savepoint s",
      "release s",
      "COMMIT",
      "start transaction",
      "abort",
      "set application_name = 'order'",
      "reset application_name",
      "listen order_test",
      "unlisten *",
    ];
    for (const text of [...texts, ...texts]) await db.query(text);
    await db.query("select 'a statement with a name'");
    const [names] = await db.query("select array_agg(statement) from pg_prepared_statements")
      .values();
    assert.deepEqual(
      (names![0] as string[]).sort(),
      [
        "select 'a statement with a name'",
        "select array_agg(statement) from pg_prepared_statements",
      ],
    );
  }));

test("order: what has to be run again is not run in a transaction that was begun behind it", () =>
  withDatabase(async (db) => {
    const run = await unseen(db);
    await db.query(RENEW).simple();
    const text = "insert into log (n) values ($1)";
    await db.query(text, [1]);
    await run(LOSE);
    const outside = db.query(text, [2]).execute();
    const inside = db.transaction(async (tx) => {
      await tx.query("select 1");
      await outside;
      throw new Error("undo");
    });
    await assert.rejects(inside, /undo/);
    assert.equal(await db.query("select count(*)::int from log").scalar(), 2);
  }));

test("order: a query whose type is being asked for can be aborted, and those behind it go on", () =>
  withDatabase(async (db) => {
    await db.query(RENEW).simple();
    const abort = new AbortController();
    const options = { signal: abort.signal };
    const text = "insert into log (spot) values ($1)";
    const query = db.query(text, [{ x: 1, m: "ok" }], options).execute();
    const behind = db.query("select count(*)::int from log").scalar();
    abort.abort(new Error("enough"));
    await assert.rejects(query.then(), /enough/);
    assert.equal(await behind, 0);
  }));
