/**
 * Many operations at once on a few connections, chosen at random: whatever happens to one, each row
 * reaches the operation that asked for it. `CORNAC_FUZZ=100000` makes it longer, `CORNAC_SEED` repeats
 * one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import process from "node:process";
import {
  connect,
  type Connection,
  InterfaceError,
  PgError,
  type Queryable,
  sql,
} from "../../mod.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { assertUsable, shared } from "./queries.ts";

const OPERATIONS = Number(process.env.CORNAC_FUZZ ?? 600);
const SEED = Number(process.env.CORNAC_SEED ?? Math.floor(Math.random() * 2 ** 31));
const CONNECTIONS = 4;

/** Small, fast and repeatable (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Next = (below: number) => number;
type Operation = (db: Queryable, nonce: number, next: Next) => Promise<void>;

/** Errors that an operation may meet for another's doing. */
function isExpected(error: unknown): boolean {
  if (error instanceof InterfaceError) return /is open|it is over/.test(error.message);
  return error instanceof PgError && ["57014", "25P02", "26000"].includes(error.code ?? "");
}

const ROWS = "select $1::int as nonce, i from generate_series(1, $2::int) i";

const OPERATIONS_BY_NAME: Readonly<Record<string, Operation>> = {
  async query(db, nonce, next) {
    const rows = await db.query(ROWS, [nonce, next(5)]);
    assert.ok(rows.every((row) => row.nonce === nonce));
  },
  async template(db, nonce, next) {
    const text = String(next(3));
    const [row] = await db.sql`select ${nonce}::int as nonce, ${sql`${text}::text`} as text`;
    assert.deepEqual(row, { nonce, text });
  },
  async fresh(db, nonce, next) {
    const [row] = await db.query(`select ${nonce} as nonce, $1::int[] as a`, [[next(9)]]);
    assert.equal(row!.nonce, nonce);
  },
  async failing(db, nonce) {
    const failed = db.query("select 1 / $1::int as nonce", [nonce * 0]);
    await assert.rejects(
      failed.then(),
      (error: PgError) => error.code === "22012" || isExpected(error),
    );
  },
  async simple(db, nonce) {
    const results = await db.query(`select ${nonce} as nonce; select ${nonce} as nonce`).simple()
      .all();
    assert.deepEqual(results.map((rows) => rows[0]!.nonce), [nonce, nonce]);
  },
  async stream(db, nonce, next) {
    const [count, leave] = [next(400), next(500)];
    let seen = 0;
    for await (const row of db.query(ROWS, [nonce, count])) {
      assert.deepEqual(row, { nonce, i: ++seen });
      if (seen === leave) break;
    }
    assert.equal(seen, leave === 0 ? count : Math.min(count, leave));
  },
  async batches(db, nonce, next) {
    for await (const rows of db.query(ROWS, [nonce, next(50)]).batches(1 + next(20))) {
      assert.ok(rows.every((row) => row.nonce === nonce));
    }
  },
  async batch(db, nonce, next) {
    const items = Array.from(
      { length: 1 + next(6) },
      () => ({ text: ROWS, parameters: [nonce, 2] }),
    );
    const bad = next(4) === 0;
    if (bad) items.splice(next(items.length), 0, { text: "select 1 / $1::int", parameters: [0] });
    const done = db.batch(items);
    if (bad) {
      return await assert.rejects(done, (e: PgError) => e.index !== undefined || isExpected(e));
    }
    for (const rows of await done) assert.deepEqual(rows.map((row) => row.nonce), [nonce, nonce]);
  },
  async many(db, nonce, next) {
    const sets = Array.from({ length: 1 + next(30) }, () => [nonce, 1]);
    const rows = await db.executeMany(ROWS, sets);
    assert.deepEqual(rows.map((row) => row.nonce), sets.map(() => nonce));
  },
  async cancelled(db, nonce, next) {
    const query = db.query(`select pg_sleep($2::int * 0.001), $1::int as nonce`, [nonce, next(20)])
      .execute();
    setTimeout(() => query.cancel(), next(20));
    assert.equal((await query)[0]!.nonce, nonce);
  },
  async aborted(db, nonce, next) {
    const controller = new AbortController();
    const reason = new PgError("aborted", { code: "57014" });
    setTimeout(() => controller.abort(reason), next(10));
    for await (const row of db.query(ROWS, [nonce, 3000], { signal: controller.signal })) {
      assert.equal(row.nonce, nonce);
    }
  },
  async prepared(db, nonce, next) {
    const statement = await db.prepare(`select $1::int as nonce /* ${next(3)} */`);
    assert.equal((await statement.query([nonce]))[0]!.nonce, nonce);
    await statement.close();
  },
  async transaction(db, nonce, next) {
    const mine = new Error("mine");
    const fails = next(3) === 0;
    const done = db.transaction(async (tx) => {
      for await (const row of tx.query(ROWS, [nonce, next(200)])) {
        assert.equal(row.nonce, nonce);
        if (next(50) === 0) assert.equal(await tx.query("select $1::int", [nonce]).scalar(), nonce);
      }
      await tx.savepoint((sp) => sp.query("select 1 / 0").then()).catch(() => {});
      assert.equal((await tx.sql`select ${nonce}::int as nonce`)[0]!.nonce, nonce);
      if (fails) throw mine;
    });
    if (fails) await assert.rejects(done, (error) => error === mine || isExpected(error));
    else await done;
  },
  async forgetful(db) {
    await db.query("do $$begin execute 'deallocate all'; end$$");
  },
};

test(
  `fuzz: ${OPERATIONS} operations, no stray row, no hang (seed ${SEED})`,
  { timeout: 600_000 },
  () =>
    withoutUnhandled(async () => {
      const next = random(SEED);
      const options = await shared({ statementCacheSize: 8, types: { int8: "number" } });
      const dbs: Connection[] = [];
      for (let i = 0; i < CONNECTIONS; i++) dbs.push(await connect(options));
      const names = Object.keys(OPERATIONS_BY_NAME);
      const met = new Map<string, number>();
      let nonce = 0;
      let succeeded = 0;
      const worker = async (): Promise<void> => {
        while (succeeded < OPERATIONS) {
          const mine = ++nonce;
          const name = names[next(names.length)]!;
          try {
            await OPERATIONS_BY_NAME[name]!(dbs[next(CONNECTIONS)]!, mine, next);
            succeeded++;
            met.set(name, (met.get(name) ?? 0) + 1);
          } catch (error) {
            if (!isExpected(error)) throw new Error(`seed ${SEED}: ${name}`, { cause: error });
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        }
      };
      await Promise.all(Array.from({ length: 12 }, worker));
      for (const db of dbs) {
        assert.equal(db.transactionStatus, "idle");
        await assertUsable(db);
        await db.close();
      }
      for (const name of names) assert.ok((met.get(name) ?? 0) > 0, `${name} never succeeded`);
    }),
);
