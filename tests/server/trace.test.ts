/** The messages of `node:diagnostics_channel` for each kind of operation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { connect, type PgError } from "../../mod.ts";
import { shared, untilActive, withDatabase } from "../_kit/databases.ts";
import { failure, textOf } from "../_kit/outcomes.ts";
import { sharedServer } from "../_kit/servers.ts";
import { own, type Told, traced, tracedAs } from "../_kit/traces.ts";
import { withPool } from "./pool_server.ts";
import { unseen } from "../_kit/unseen.ts";

const COPY_OUT = "copy (select i from generate_series(1, 3) as i) to stdout";
const ENDLESS = "copy (select generate_series(1, 100000000)) to stdout";
const SERIES = "select i from generate_series(1, $1::int) as i";
const SECRET = "s3cr3t-9731";

/** The messages at their end, without what all have. */
function ends(all: readonly Told[]): Record<string, unknown>[] {
  return all.map(({ message }) => own(message));
}

test("trace: connect tells where to and how it went, and never with what", async () => {
  const { host, port } = await sharedServer();
  const options = await shared({ user: "u_scram", password: SECRET });
  const all = await traced(async () => {
    await withDatabase(() => Promise.resolve());
    await failure(connect(options));
    await failure(connect(await shared({ port: 1, timeout: 5 })));
  });
  const [reached, refused, absent] = all;
  assert.deepEqual(all.map(({ kind }) => kind), ["connect", "connect", "connect"]);
  const where = { "db.system.name": "postgresql", "db.namespace": "postgres" };
  assert.deepEqual(reached!.begun, { ...where, "server.address": host, "server.port": port });
  assert.deepEqual(own(reached!.message), {});
  assert.equal(refused!.message["db.response.status_code"], "28P01");
  assert.equal(refused!.message["error.type"], "28P01");
  assert.equal(absent!.message["db.response.status_code"], undefined);
  assert.equal(absent!.message["error.type"], "08001");
  assert.doesNotMatch(inspect(all, { depth: 20 }), new RegExp(SECRET));
});

test("trace: of several hosts, the one that was reached is named", async () => {
  const { host, port } = await sharedServer();
  const options = await shared({ host: ["127.0.0.9", host], port: [1, port] });
  const [told] = await tracedAs("connect", async () => (await connect(options)).close());
  assert.equal(told!.begun["server.address"], `127.0.0.9,${host}`);
  assert.equal(told!.begun["server.port"], undefined);
  assert.equal(told!.message["server.address"], host);
  assert.equal(told!.message["server.port"], port);
});

test("trace: a Unix socket is named by its path and has no port", async () => {
  const { socketPath } = await sharedServer();
  const options = { unixSock: socketPath, user: "postgres", database: "postgres" };
  const [told] = await tracedAs("connect", async () => (await connect(options)).close());
  assert.equal(told!.message["server.address"], socketPath);
  assert.ok(!("server.port" in told!.message));
});

test("trace: a query tells its text, its command and its rows, and no values", () =>
  withDatabase(async (db) => {
    const all = await traced(async () => {
      await db.query("select $1::text as s, 1 as n", [SECRET]);
      await db.sql`select ${SECRET}::text as s`;
      await db.query("select :a::text as s", { a: SECRET }).one();
      await db.query("create temp table traced (n int)");
      await db.query("insert into traced values (1), (2)");
      await db.query("select 1; select 2").simple();
      await db.query("select 1; create temp table other (n int)").simple();
      const prepared = await db.prepare("select n from traced where n > $1");
      await prepared.query([0]);
      await prepared.close();
      await db.query("");
    });
    assert.ok(all.every(({ kind }) => kind === "query"));
    const told = (text: string, parameterCount: number, command?: string, rows = 0) => ({
      "db.query.text": text,
      parameterCount,
      isStream: false,
      ...(command !== undefined && { "db.operation.name": command }),
      "db.response.returned_rows": rows,
    });
    assert.deepEqual(ends(all), [
      told("select $1::text as s, 1 as n", 1, "SELECT", 1),
      told("select $1::text as s", 1, "SELECT", 1),
      told("select $1::text as s", 1, "SELECT", 1),
      told("create temp table traced (n int)", 0, "CREATE TABLE"),
      told("insert into traced values (1), (2)", 0, "INSERT"),
      told("select 1; select 2", 0, "SELECT", 2),
      told("select 1; create temp table other (n int)", 0, undefined, 1),
      told("select n from traced where n > $1", 1, "SELECT", 2),
      told("", 0),
    ]);
    assert.doesNotMatch(inspect(all, { depth: 20 }), new RegExp(SECRET));
    const { host, port } = await sharedServer();
    assert.equal(all[0]!.begun["server.address"], host);
    assert.equal(all[0]!.begun["server.port"], port);
    assert.equal(all[0]!.begun["db.namespace"], "postgres");
    assert.deepEqual(own(all[0]!.begun), {
      "db.query.text": "select $1::text as s, 1 as n",
      parameterCount: 1,
      isStream: false,
    });
  }));

test("trace: a call that stands for a query is one: notify(), large objects, two-phase commit", () =>
  withDatabase(async (db) => {
    const all = await tracedAs("query", async () => {
      await db.notify("traced", SECRET);
      await failure(db.notify("traced", "x".repeat(8000)));
      await db.transaction(async ({ largeObjects }) => {
        const object = await largeObjects.open(await largeObjects.create(), "rw");
        await object.write(SECRET);
        await object.seek(0);
        await object.read(10);
        await object.close();
        await largeObjects.unlink(object.oid);
      });
      await db.recoverPrepared();
      await failure(db.commitPrepared("nothing"));
      const jobs = await db.listen("traced");
      await jobs.close();
    });
    const told = all.map(({ message }) => {
      const text = String(message["db.query.text"]).replaceAll("pg_catalog.", "");
      return [text.split("\n")[0], message.parameterCount, message["error.type"]];
    });
    assert.deepEqual(told, [
      ["select pg_notify($1::text, $2::text)", 2, undefined],
      ["select pg_notify($1::text, $2::text)", 2, "22023"],
      ["select lo_create($1::oid)", 1, undefined],
      ["select lo_open($1::oid, $2::int4)", 2, undefined],
      ["select lowrite($1::int4, $2::bytea)", 2, undefined],
      ["select lo_lseek64(", 3, undefined],
      ["select loread($1::int4, $2::int4)", 2, undefined],
      ["select lo_close($1::int4)", 1, undefined],
      ["select lo_unlink($1::oid)", 1, undefined],
      ["select p.gid,", 0, undefined],
      ["commit prepared 'nothing'", 0, "42704"],
    ]);
    assert.equal(all[0]!.message["db.operation.name"], "SELECT");
    assert.equal(all[0]!.message["db.response.returned_rows"], 1);
    assert.doesNotMatch(inspect(all, { depth: 20 }), new RegExp(SECRET));
    assert.match(String((all[1]!.message.error as Error).stack), /trace\.test\.[tj]s/);
  }));

test("trace: what the driver asks for itself, or does again, is a part of the query", () =>
  withDatabase(async (db) => {
    const run = await unseen(db);
    const all = await traced(async () => {
      await db.query("create type mood as enum ('sad', 'ok')");
      await db.query("select 'ok'::mood as m, array['sad'::mood] as all");
      await run("deallocate all");
      await db.query("select 'ok'::mood as m, array['sad'::mood] as all");
      await db.query("drop type mood");
    });
    assert.equal(all.length, 5);
    assert.ok(all.every(({ events }) => !events.includes("error")));
  }));

test("trace: a query that fails tells its error, the very one that its caller gets", () =>
  withDatabase(async (db) => {
    const controller = new AbortController();
    const errors: unknown[] = [];
    const told = await traced(async () => {
      errors.push(await failure(db.query("select 1 / $1::int", [0])));
      errors.push(await failure(db.query("select $1::int", [undefined])));
      errors.push(await failure(db.query("select nonsense").simple()));
      const aborted = failure(
        db.query("select pg_sleep(60)", [], { signal: controller.signal }).execute(),
      );
      controller.abort(new TypeError("enough"));
      errors.push(await aborted);
      // Not before the cancel is over; until then nothing is sent that could be cancelled.
      await db.query("select 1");
      errors.push(await failure(db.query("select pg_sleep(60)", [], { timeout: 0.05 })));
      const cancelled = db.query("select pg_sleep(60) /* mine */").execute();
      await untilActive(db, "/* mine */");
      await db.cancel();
      errors.push(await failure(cancelled));
    });
    const all = told.filter(({ events }) => events.includes("error"));
    assert.deepEqual(all.map(({ message }) => message.error), errors);
    // deno-fmt-ignore
    assert.deepEqual(all.map(({ message }) => message["error.type"]), [
      "22012", "InterfaceError", "42703", "TypeError", "57014", "57014",
    ]);
    // deno-fmt-ignore
    assert.deepEqual(all.map(({ message }) => message["db.response.status_code"]), [
      "22012", undefined, "42703", undefined, "57014", "57014",
    ]);
    assert.match(String((errors[0] as Error).stack), /trace\.test\.[tj]s/);
  }));

test("trace: a stream ends once, whichever way its reader leaves it", () =>
  withDatabase(async (db) => {
    const reason = new Error("mine");
    const all = await traced(async () => {
      for await (const _ of db.query(SERIES, [3]));
      for await (const _ of db.query(SERIES, [1000]).batches(100)) break;
      const thrown = async () => {
        for await (const _ of db.query(SERIES, [100_000])) throw reason;
      };
      assert.equal(await failure(thrown()), reason);
      const failing = async () => {
        for await (const _ of db.query("select 1 / (3 - i) from generate_series(1, $1) i", [5]));
      };
      assert.equal((await failure(failing())).code, "22012");
      const query = db.query(SERIES, [1_000_000]);
      const cancelled = async () => {
        for await (const _ of query) query.cancel();
      };
      assert.equal((await failure(cancelled())).code, "57014");
      await db.transaction(async (tx) => {
        for await (const _ of tx.query(SERIES, [5]));
      });
      // Never begun.
      await db.query(SERIES, [3])[Symbol.asyncIterator]().return();
    });
    const streams = all.filter(({ kind }) => kind === "query").map(({ message }) => message);
    // deno-fmt-ignore
    assert.deepEqual(streams.map((message) => message["db.response.returned_rows"]), [
      3, 100, 64, 0, 64, 5,
    ]);
    // deno-fmt-ignore
    assert.deepEqual(streams.map((message) => message["error.type"]), [
      undefined, undefined, undefined, "22012", "57014", undefined,
    ]);
    assert.ok(streams.every((message) => message.isStream === true));
  }));

test("trace: a batch tells its size, its texts and what they have in common", () =>
  withDatabase(async (db) => {
    await db.query("create temp table batched (n int primary key)");
    const insert = (n: number) => ({ text: "insert into batched values ($1)", parameters: [n] });
    const all = await traced(async () => {
      await db.batch([insert(1), insert(2)]);
      await db.batch([insert(3), { text: "select n from batched" }]);
      await db.batch([{ text: "select n from batched" }]);
      await db.batch([]);
      await db.executeMany("insert into batched values ($1)", [[4], [5], [6]]);
      await failure(db.executeMany("insert into batched values ($1)", [[7], [1]]));
    });
    assert.ok(all.every(({ kind }) => kind === "batch"));
    const text = "insert into batched values ($1)";
    const batch = (size: number, name: string, rows: number, query = text) => ({
      "db.query.text": query,
      "db.operation.batch.size": size,
      "db.operation.name": name,
      "db.response.returned_rows": rows,
    });
    const both = `${text}; select n from batched`;
    const { error, ...failed } = own(all[5]!.message);
    assert.deepEqual(ends(all.slice(0, 5)), [
      batch(2, "BATCH INSERT", 0),
      batch(2, "BATCH", 3, both),
      {
        "db.query.text": "select n from batched",
        "db.operation.name": "SELECT",
        "db.response.returned_rows": 3,
      },
      batch(0, "BATCH", 0, ""),
      batch(3, "BATCH INSERT", 0),
    ]);
    assert.equal((error as PgError).index, 1);
    assert.deepEqual(failed, {
      "db.query.text": text,
      "db.operation.batch.size": 2,
      "db.operation.name": "BATCH",
      "error.type": "23505",
      "db.response.status_code": "23505",
    });
  }));

test("trace: each run of a transaction is one, and says how it ended", () =>
  withDatabase(async (db) => {
    let runs = 0;
    const all = await tracedAs("transaction", async () => {
      await db.transaction(async (tx) => {
        await tx.query("select 1");
        await tx.savepoint((inner) => inner.query("select 2"));
      });
      await failure(db.transaction(() => Promise.reject(new RangeError("mine"))));
      await db.transaction(async (tx) => {
        if (++runs < 3) await tx.query("do $$begin raise sqlstate '40001'; end$$");
      }, { retries: 5 });
      await failure(db.transaction(async (tx) => void await failure(tx.query("select 1 / 0"))));
      await (await db.begin()).commit();
      await (await db.begin()).rollback();
      await failure(db.begin({ isolation: "bogus" as never }));
      const open = await db.begin();
      await failure(db.begin());
      await open[Symbol.asyncDispose]();
    });
    const told = all.map(({ message }) => {
      const { attempt, outcome } = message;
      return [message["db.operation.name"], attempt, outcome, message["error.type"]];
    });
    assert.deepEqual(told, [
      ["TRANSACTION", 1, "committed", undefined],
      ["SAVEPOINT", 1, "committed", undefined],
      ["TRANSACTION", 1, "rolled back", "RangeError"],
      ["TRANSACTION", 1, "rolled back", "40001"],
      ["TRANSACTION", 2, "rolled back", "40001"],
      ["TRANSACTION", 3, "committed", undefined],
      ["TRANSACTION", 1, "rolled back", "40000"],
      ["TRANSACTION", 1, "committed", undefined],
      ["TRANSACTION", 1, "rolled back", undefined],
      ["TRANSACTION", 1, "rolled back", undefined],
      ["TRANSACTION", 1, undefined, "InterfaceError"],
    ]);
  }));

test("trace: a copy tells its direction, bytes and rows; to leave it early is no failure", () =>
  withDatabase(async (db) => {
    await db.query("create temp table copied (n int, s text)");
    const into = "copy copied from stdin";
    const all = await tracedAs("copy", async () => {
      await db.copyFrom(into, ["1\ta\n", "2\tb\n"]);
      await db.copyRowsFrom("copied", ["n", "s"], [[3, "c"]]);
      assert.equal(await textOf(db.copyTo(COPY_OUT)), "1\n2\n3\n");
      for await (const _ of db.copyRowsTo("copied", ["n"]));
      for await (const _ of db.copyTo(ENDLESS)) break;
      await failure(db.copyFrom(into, ["x\ta\n"]));
      await failure(db.copyFrom(into, source()));
      await failure(textOf(db.copyTo("copy nowhere to stdout")));
    });
    const told = all.map(({ message }) => {
      const { direction, bytes, rows } = message;
      return [direction, bytes, rows, message["error.type"]];
    });
    assert.ok(Number(told[4]![1]) > 0);
    told[4]![1] = "some";
    assert.deepEqual(told, [
      ["in", 8, 2, undefined],
      ["in", 11 + 8 + 2 + 8 + 5 + 2, 1, undefined],
      ["out", 6, 3, undefined],
      ["out", 19 + 3 * 10 + 2, 3, undefined],
      ["out", "some", undefined, undefined],
      ["in", 4, undefined, "22P02"],
      ["in", 4, undefined, "RangeError"],
      ["out", 0, undefined, "42P01"],
    ]);
  }));

test("trace: a transaction that is given back to its pool unended is over", () =>
  withPool({ max: 1 }, async (pool) => {
    const [told] = await tracedAs("transaction", async () => {
      const db = await pool.connect();
      await db.begin();
      await db.close();
    });
    assert.equal(told!.message.outcome, "rolled back");
  }));

async function* source(): AsyncGenerator<string> {
  yield "1\ta\n";
  throw await Promise.resolve(new RangeError("no more"));
}
