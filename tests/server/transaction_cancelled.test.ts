/**
 * Cancels that hit a transaction's own statements, and failures that its callback has caught: the error
 * of the transaction always has the cause, and the connection is usable afterwards.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { type Connection, InternalError, PgError, sql, type Transaction } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { pause } from "../_kit/waiting.ts";
import { withDbapi } from "./dbapi_server.ts";
import { withPool } from "./pool_server.ts";

/** Transactions for each way; `CORNAC_CANCELS=1000` makes it longer. */
const ROUNDS = Number(process.env.CORNAC_CANCELS ?? 4);

const SERIES = "select i from generate_series(1, 200) i";

/** The ways of running a statement, with one that succeeds and one that the server refuses. */
const WAYS: Readonly<
  Record<string, (tx: Transaction, isRight: boolean) => PromiseLike<unknown>>
> = {
  query: (tx, isRight) => tx.query(isRight ? SERIES : "select 1 / 0"),
  "a query with parameters": (tx, isRight) => tx.query("select 1 / $1::int", [Number(isRight)]),
  template: (tx, isRight) => tx.sql`select ${sql`1`} / ${Number(isRight)}::int`,
  named: (tx, isRight) => tx.query("select 1 / :n::int", { n: Number(isRight) }),
  simple: (tx, isRight) => tx.query(`select 2; select 1 / ${Number(isRight)}`).simple(),
  stream: async (tx, isRight) => {
    const text = `select 1 / (200 - i + ${Number(isRight)}) as n from generate_series(1, 200) i`;
    for await (const row of tx.query(text)) assert.ok(row.n !== undefined);
  },
  batch: (tx, isRight) =>
    tx.batch([{ text: "select 1" }, { text: "select 1 / $1::int", parameters: [Number(isRight)] }]),
  executeMany: (tx, isRight) => tx.executeMany("select 1 / $1::int", [[1], [Number(isRight)], [2]]),
  prepared: async (tx, isRight) => {
    const statement = await tx.prepare("select 1 / $1::int");
    await statement.query([Number(isRight)]);
    await statement.close();
  },
  described: (tx, isRight) => tx.query(isRight ? SERIES : "select no_such_column").describe(),
  "copy in": (tx, isRight) =>
    tx.copyFrom("copy cancelled_rows from stdin", [isRight ? "1\n" : "one\n"]),
  "copy out": async (tx, isRight) => {
    const query = `select 1 / (200 - i + ${Number(isRight)}) from generate_series(1, 200) i`;
    for await (const chunk of tx.copyTo(`copy (${query}) to stdout`)) assert.ok(chunk.length > 0);
  },
  notify: (tx, isRight) => tx.notify("cancelled", "x".repeat(isRight ? 1 : 9000)),
};

const TABLE = "create temp table cancelled_rows (n int)";

/** Every error and its causes, outermost first. */
function chainOf(error: unknown): Error[] {
  return error instanceof Error ? [error, ...chainOf(error.cause)] : [];
}

for (const [way, run] of Object.entries(WAYS)) {
  test(`transaction: the error of COMMIT names the failure that was caught (${way})`, () =>
    withDatabase(async (db) => {
      await db.query(TABLE);
      for (const depth of [0, 1]) {
        let caught: unknown;
        const work = async (tx: Transaction): Promise<void> => {
          await run(tx, true);
          caught = await failure(run(tx, false));
        };
        const error = await failure(
          db.transaction((tx) => depth === 0 ? work(tx) : tx.savepoint(work)),
        );
        assert.ok(error instanceof InternalError, String(error));
        assert.ok(caught !== undefined && chainOf(error).includes(caught as Error), String(caught));
        await assertUsable(db);
      }
    }));

  test(
    `transaction: cancels that hit whatever runs lose no cause and leave nothing open (${way})`,
    {
      timeout: 60_000 + ROUNDS * 2000,
    },
    () =>
      withDatabase(async (db) => {
        await db.query(TABLE);
        for (let round = 0; round < ROUNDS; round++) await shootAt(db, run, round);
      }),
  );
}

/** Cancels all the time while a transaction runs whose savepoints are rolled back. */
async function shootAt(
  db: Connection,
  run: (tx: Transaction, isRight: boolean) => PromiseLike<unknown>,
  round: number,
): Promise<void> {
  const mine = new Error("mine");
  const shots = setInterval(() => void db.cancel(), round % 3);
  const work = db.transaction(async (tx) => {
    for (let i = 0; i < 3; i++) {
      const error = await failure(tx.savepoint(async (inner) => {
        await run(inner, true);
        await pause(0);
        throw mine;
      }));
      if (error !== mine && !chainOf(error).some(is57014)) throw error;
    }
  });
  const [outcome] = await Promise.allSettled([work]);
  clearInterval(shots);
  await db.cancel();
  if (outcome.status === "rejected") {
    assert.ok(chainOf(outcome.reason).some(is57014), `round ${round}: ${outcome.reason}`);
  }
  await db.query("select 1").then(undefined, (error) => assert.ok(is57014(error), String(error)));
  assert.equal(db.transactionStatus, "idle");
}

function is57014(error: unknown): boolean {
  return error instanceof PgError && error.code === "57014";
}

test("transaction: what follows a failure in it has that failure as its cause", () =>
  withDatabase(async (db) => {
    const tx = await db.begin();
    const first = await failure(tx.query("select 1 / 0"));
    const second = await failure(tx.query("select 2"), PgError);
    assert.equal(second.code, "25P02");
    assert.equal(second.cause, first);
    const inner = await failure(tx.savepoint((inner) => inner.query("select 3").then()), PgError);
    assert.equal(inner.code, "25P02");
    assert.equal(inner.cause, first);
    await tx.rollback();
    await assertUsable(db);
  }));

test("transaction: a failure that a savepoint of one's own has undone is no cause", () =>
  withDatabase(async (db) => {
    let last: Error | undefined;
    const error = await failure(db.transaction(async (tx) => {
      await tx.query("savepoint own");
      await failure(tx.query("select no_such_column"));
      await tx.query("rollback to own");
      last = await failure(tx.query("select 1 / 0"));
    }));
    assert.equal(error.cause, last);
  }));

test("transaction: on a pool, cancels leave nothing open and no later query is hit", () =>
  withPool({ max: 1 }, async (pool) => {
    const mine = new Error("mine");
    for (let round = 0; round < ROUNDS; round++) {
      const controller = new AbortController();
      const work = pool.transaction(async (tx) => {
        const error = await failure(tx.savepoint(async (inner) => {
          const query = inner.query("select pg_sleep(0.002)", [], { signal: controller.signal });
          setTimeout(() => controller.abort(mine), round % 4);
          await query;
          throw mine;
        }));
        assert.equal(error, mine);
      });
      await work;
      assert.equal(await pool.query("select 7").scalar(), 7);
    }
  }));

test("dbapi: the error of commit() names the failure that was caught", () =>
  withDbapi(async (db) => {
    for (const many of [false, true]) {
      const cursor = db.cursor();
      const caught = await failure(
        many
          ? cursor.executemany("select 1 / %s::int", [[1], [0]])
          : cursor.execute("select 1 / 0"),
      );
      const error = await failure(db.commit());
      assert.ok(chainOf(error).includes(caught), String(error));
      await cursor.execute("select 1");
      await db.rollback();
    }
  }));
