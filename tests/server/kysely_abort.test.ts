/** The Kysely dialect: streams that are read, left and aborted, and queries that are cancelled. */
import { Kysely, sql } from "kysely";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createPool, type Pool } from "../../mod.ts";
import { CornacDialect } from "../../src/kysely/kysely.ts";
import { failure } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";
import { OwnDatabase } from "./orm_database.ts";

describe("Kysely over CornacDialect, streams and cancelling", () => {
  let own: OwnDatabase;
  let pool: Pool;
  let db: Kysely<{ numbers: { n: number } }>;
  const { error: report } = globalThis.console;

  before(async () => {
    own = await OwnDatabase.create();
    pool = createPool(own.options, { max: 2 });
    db = new Kysely({ dialect: new CornacDialect(pool) });
    await sql`create table numbers as select generate_series(1, 1000) as n`.execute(db);
    // Kysely reports what fails behind an aborted call there.
    globalThis.console.error = () => {};
  });

  after(async () => {
    globalThis.console.error = report;
    await db.destroy();
    await own.drop();
  });

  /** Waits until all connections are back in the pool. */
  const returned = (): Promise<void> => until(() => pool.stats().leased === 0);
  const numbers = () => db.selectFrom("numbers").select("n").orderBy("n");
  const idle = (phrase: string): Promise<void> => until(async () => await own.active(phrase) === 0);

  it("streams all rows, by chunks of any size", async () => {
    for (const size of [undefined, 1, 7, 1000, 5000]) {
      let sum = 0;
      for await (const { n } of numbers().stream(size)) sum += n;
      assert.equal(sum, 500500);
    }
    await returned();
  });

  it("gives the connection back when a stream is left, and when its loop throws", async () => {
    for await (const { n } of numbers().stream(10)) if (n === 15) break;
    await assert.rejects(async () => {
      for await (const { n } of numbers().stream(10)) if (n === 15) throw new RangeError("no");
    }, RangeError);
    await returned();
    assert.equal((await numbers().execute()).length, 1000);
  });

  it("reports the error of a stream's query, at its start and in its middle", async () => {
    const drain = async (text: string): Promise<void> => {
      const stream = sql<{ q: number }>`${sql.raw(text)}`.compile(db);
      for await (const _ of db.getExecutor().stream(stream, 10)) { /* read */ }
    };
    assert.equal((await failure(drain("selct 1"))).code, "42601");
    assert.equal((await failure(drain("select 1 / (500 - n) as q from numbers"))).code, "22012");
    await returned();
  });

  it("streams in a transaction, and goes on after the stream", async () => {
    await db.transaction().execute(async (trx) => {
      for await (const { n } of trx.selectFrom("numbers").select("n").stream(9)) if (n > 20) break;
      const { rows } = await sql<{ m: number }>`select 2 as m`.execute(trx);
      assert.deepEqual(rows, [{ m: 2 }]);
    });
    await returned();
  });

  it("cancels a stream's query on the server when the stream is aborted", async () => {
    const stop = new AbortController();
    const stream = sql`select pg_sleep(600), 'aborted stream'`.compile(db);
    const read = async (): Promise<void> => {
      for await (const _ of db.getExecutor().stream(stream, 1, { signal: stop.signal })) {
        /* read */
      }
    };
    const failed = failure(read(), RangeError);
    await until(async () => await own.active("aborted stream") === 1);
    stop.abort(new RangeError("enough"));
    assert.equal((await failed).message, "enough");
    await idle("aborted stream");
    await returned();
  });

  it("cancels a running query on the server", async () => {
    const stop = new AbortController();
    const options = { signal: stop.signal, inflightQueryAbortStrategy: "cancel query" } as const;
    const failed = failure(sql`select pg_sleep(600), 'one query'`.execute(db, options), RangeError);
    await until(async () => await own.active("one query") === 1);
    stop.abort(new RangeError("enough"));
    await failed;
    await idle("one query");
    await returned();
  });

  it("cancels no query but the aborted one", async () => {
    const stop = new AbortController();
    const options = { signal: stop.signal, inflightQueryAbortStrategy: "cancel query" } as const;
    const other = sql`select 'finished' as word from pg_sleep(0.3)`.execute(db, {
      signal: new AbortController().signal,
      inflightQueryAbortStrategy: "cancel query",
    });
    const failed = failure(sql`select pg_sleep(600), 'aborted'`.execute(db, options), RangeError);
    await until(async () => await own.active("aborted") === 1);
    stop.abort(new RangeError("enough"));
    await failed;
    assert.deepEqual((await other).rows, [{ word: "finished" }]);
    await idle("aborted");
    await returned();
  });

  it("ends the session of an aborted query with the strategy kill session", async () => {
    const stop = new AbortController();
    const options = { signal: stop.signal, inflightQueryAbortStrategy: "kill session" } as const;
    const before = await db.connection().execute((one) =>
      sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(one)
    );
    const failed = failure(sql`select pg_sleep(600), 'killed'`.execute(db, options), RangeError);
    await until(async () => await own.active("killed") === 1);
    stop.abort(new RangeError("enough"));
    await failed;
    await idle("killed");
    const { pid } = before.rows[0]!;
    await until(async () => {
      const { rows } = await sql`select 1 from pg_stat_activity where pid = ${pid}::int`.execute(
        db,
      );
      return rows.length === 0;
    });
    await returned();
  });

  it("lets an aborted query finish by default", async () => {
    const stop = new AbortController();
    const text = sql`insert into numbers select 0 from pg_sleep(0.2)`;
    const failed = failure(text.execute(db, { signal: stop.signal }), RangeError);
    await until(async () => await own.active("insert into numbers") === 1);
    stop.abort(new RangeError("enough"));
    await failed;
    await returned();
    assert.equal((await numbers().execute()).length, 1001);
  });

  it("sends nothing for a signal that was aborted before", async () => {
    const signal = AbortSignal.abort(new RangeError("too late"));
    await failure(numbers().execute({ signal }), RangeError);
    await returned();
  });
});
