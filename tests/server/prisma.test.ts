/** The adapter for Prisma by its contract: values, column types, errors, transactions, life. */
import {
  type ArgType,
  bindSqlAdapterFactory,
  DriverAdapterError,
  type MappedError,
  type SqlDriverAdapter,
  type SqlQuery,
} from "@prisma/driver-adapter-utils";
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { type ConnectOptions, createPool, InterfaceError, type Pool } from "../../mod.ts";
import { PrismaCornac } from "../../src/prisma/prisma.ts";
import { failure } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";
import { OwnDatabase } from "./orm_database.ts";
import { ARGUMENTS, ERRORS, VALUES } from "./prisma_cases.ts";

/** A query with arguments whose types are `unknown`, or given. */
function query(sql: string, args: unknown[] = [], types: Partial<ArgType>[] = []): SqlQuery {
  const argTypes = args.map((_, i): ArgType => ({
    ...{ scalarType: "unknown", arity: "scalar" },
    ...types[i],
  }));
  return { sql, args, argTypes };
}

describe("PrismaCornac", () => {
  let own: OwnDatabase;
  let options: ConnectOptions;
  let pool: Pool;
  let adapter: SqlDriverAdapter;

  before(async () => {
    own = await OwnDatabase.create();
    options = { ...own.options, startupParams: { timezone: "Asia/Tokyo" } };
    pool = createPool(options, { max: 3 });
    adapter = await new PrismaCornac(pool).connect();
    await adapter.executeScript(`create type mood as enum ('sad', 'ok');
      create table people (id int primary key, name varchar(20) unique);
      create table pets (owner int constraint pets_owner_fkey references people);`);
  });

  after(async () => {
    await pool.close();
    await own.drop();
  });

  beforeEach(async () => {
    await adapter.executeScript(
      "truncate people, pets; insert into people values (1, 'Ada'); insert into pets values (1)",
    );
  });

  const scalar = async (sql: string): Promise<unknown> =>
    (await adapter.queryRaw(query(sql))).rows[0]![0];
  const kindOf = async (work: Promise<unknown>): Promise<MappedError> =>
    (await failure(work, DriverAdapterError)).cause as MappedError;

  it("reads values in the forms that Prisma expects, first by text and then in binary", async () => {
    for (const [literal, value, type] of VALUES) {
      for (let run = 1; run <= 3; run++) {
        const result = await adapter.queryRaw(query(`select ${literal} as v`));
        assert.deepEqual(result.rows, [[value]], `${literal}, run ${run}`);
        assert.deepEqual(result.columnTypes, [type], literal);
        assert.deepEqual(result.columnNames, ["v"]);
      }
    }
  });

  it("writes arguments as the server reads them", async () => {
    for (const [value, type, literal] of ARGUMENTS) {
      for (let run = 1; run <= 2; run++) {
        const sql = `select ${literal} is not distinct from $1 as same`;
        const { rows } = await adapter.queryRaw(query(sql, [value], [type]));
        assert.deepEqual(rows, [[true]], literal);
      }
    }
    const { rows } = await adapter.queryRaw(
      query("select $1::int is null, $2::text is null", [null, undefined]),
    );
    assert.deepEqual(rows, [[true, true]]);
  });

  it("keeps columns of the same name apart", async () => {
    const result = await adapter.queryRaw(query("select 1 as a, 2 as a"));
    assert.deepEqual([result.columnNames, result.rows], [["a", "a"], [[1, 2]]]);
  });

  it("returns the count of executeRaw()", async () => {
    const insert = query("insert into people values ($1, $2), (3, 'x')", [2, "Grace"]);
    assert.equal(await adapter.executeRaw(insert), 2);
    assert.equal(await adapter.executeRaw(query("create table t (n int)")), 0);
    assert.equal(await adapter.executeRaw(query("drop table t; delete from pets")), 1);
  });

  it("maps errors to kinds, with the server's code and message", async () => {
    for (const [sql, mapped] of ERRORS) {
      const { originalCode, originalMessage, ...kind } = await kindOf(
        adapter.executeRaw(query(sql)),
      ) as MappedError & Record<string, unknown>;
      assert.deepEqual(kind, mapped, sql);
      assert.match(String(originalCode), /^[0-9A-Z]{5}$/, sql);
      assert.equal(typeof originalMessage, "string");
    }
    assert.equal(await scalar("select 1"), 1);
  });

  it("maps the errors of scripts, and of connections that cannot be opened", async () => {
    assert.equal((await kindOf(adapter.executeScript("select 1; selct"))).kind, "postgres");
    const kind = async (changed: ConnectOptions): Promise<MappedError> => {
      const other = await new PrismaCornac({ ...options, ...changed }).connect();
      try {
        const { originalCode: _, originalMessage: __, ...kind } = await kindOf(
          other.queryRaw(query("select 1")),
        ) as MappedError & Record<string, unknown>;
        return kind as MappedError;
      } finally {
        await other.dispose();
      }
    };
    assert.deepEqual(await kind({ database: "nothing" }), {
      ...{ kind: "DatabaseDoesNotExist", db: "nothing" },
    });
    assert.equal((await kind({ host: "127.0.0.1", port: 1 })).kind, "DatabaseNotReachable");
    assert.deepEqual(await kind({ user: "u_scram", password: "wrong" }), {
      ...{ kind: "AuthenticationFailed", user: "u_scram" },
    });
    const small = createPool(options, { max: 1, acquireTimeout: 0.1 });
    const held = await small.connect();
    const waiting = await new PrismaCornac(small).connect();
    assert.equal((await kindOf(waiting.queryRaw(query("select 1")))).kind, "SocketTimeout");
    await held.close();
    await small.close();
  });

  it("throws errors of no kind as they are", async () => {
    const unpaired = query("select $1", ["\ud800"]);
    await failure(adapter.queryRaw(unpaired), InterfaceError);
    const bytes = query("select $1::bytea", ["!"], [{ scalarType: "bytes" }]);
    await failure(adapter.queryRaw(bytes), InterfaceError);
  });

  it("commits and rolls back transactions", async () => {
    const first = await adapter.startTransaction();
    assert.deepEqual(first.options, { usePhantomQuery: true });
    assert.equal(await first.executeRaw(query("insert into people values (2, 'Grace')")), 1);
    assert.equal(await scalar("select count(*) from people"), "1");
    await first.commit();
    const second = await adapter.startTransaction();
    await second.executeRaw(query("delete from pets"));
    await second.rollback();
    assert.equal(await scalar("select count(*) from people"), "2");
    assert.equal(await scalar("select count(*) from pets"), "1");
    await (await adapter.startTransaction()).commit();
    await (await adapter.startTransaction()).rollback();
    await until(() => pool.stats().leased === 0);
  });

  it("sets isolation levels, and refuses SNAPSHOT", async () => {
    for (const level of ["READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]) {
      const tx = await adapter.startTransaction(level as "SERIALIZABLE");
      const { rows } = await tx.queryRaw(query("show transaction_isolation"));
      assert.deepEqual(rows, [[level.toLowerCase()]]);
      await tx.rollback();
    }
    assert.deepEqual(await kindOf(adapter.startTransaction("SNAPSHOT")), {
      ...{ kind: "InvalidIsolationLevel", level: "SNAPSHOT" },
    });
  });

  it("reports a conflict of serializable transactions", async () => {
    const [one, two] = await Promise.all(
      [1, 2].map(() => adapter.startTransaction("SERIALIZABLE")),
    );
    for (const tx of [one!, two!]) await tx.queryRaw(query("select count(*) from people"));
    for (const [i, tx] of [one!, two!].entries()) {
      await tx.executeRaw(query("insert into people values ($1)", [10 + i]));
    }
    await one!.commit();
    assert.equal((await kindOf(two!.commit())).kind, "TransactionWriteConflict");
    await two!.rollback();
  });

  it("maps what follows the end of a transaction's session, and the driver's timeouts", async () => {
    const tx = await adapter.startTransaction();
    const end = query("select pg_terminate_backend(pg_backend_pid())");
    for (const work of [tx.queryRaw(end), tx.queryRaw(query("select 1")), tx.commit()]) {
      assert.equal((await kindOf(work)).kind, "ConnectionClosed");
    }
    await tx.rollback();
    const hasty = await new PrismaCornac({ ...options, queryTimeout: 0.05 }).connect();
    assert.equal(
      (await kindOf(hasty.queryRaw(query("select pg_sleep(60)")))).kind,
      "SocketTimeout",
    );
    await hasty.dispose();
  });

  it("rejects the commit of a transaction in which a statement had failed", async () => {
    const tx = await adapter.startTransaction();
    await kindOf(tx.queryRaw(query("select 1 / 0")));
    const error = await failure(tx.commit());
    assert.match(error.message, /rolled back instead of committed/);
    await until(() => pool.stats().leased === 0);
  });

  it("runs queries of one transaction at the same time", async () => {
    const tx = await adapter.startTransaction();
    const all = await Promise.all([1, 2, 3].map((n) => tx.queryRaw(query("select $1::int", [n]))));
    assert.deepEqual(all.map(({ rows }) => rows[0]![0]), [1, 2, 3]);
    await tx.commit();
  });

  it("sets, undoes and releases savepoints", async () => {
    const tx = await adapter.startTransaction();
    await tx.executeRaw(query("insert into people values (2)"));
    await tx.createSavepoint!("prisma_sp_0");
    await kindOf(tx.executeRaw(query("insert into people values (1)")));
    await tx.rollbackToSavepoint!("prisma_sp_0");
    await tx.createSavepoint!("prisma_sp_1");
    await tx.executeRaw(query("insert into people values (3)"));
    await tx.releaseSavepoint!("prisma_sp_1");
    await tx.commit();
    assert.equal(await scalar("select count(*) from people"), "3");
  });

  it("runs scripts on one connection", async () => {
    await adapter.executeScript(
      "begin; set local work_mem = '9MB'; create table s (n int); commit",
    );
    await adapter.executeScript("set search_path = pg_catalog; -- ';'\n drop table public.s;");
    assert.equal(await scalar("select to_regclass('public.s')::text"), null);
  });

  it("reports the schema, and that relation joins are supported", async () => {
    assert.deepEqual(adapter.getConnectionInfo!(), { supportsRelationJoins: true });
    const other = await new PrismaCornac(pool, { schema: "app" }).connect();
    assert.deepEqual(other.getConnectionInfo!(), {
      supportsRelationJoins: true,
      schemaName: "app",
    });
    assert.deepEqual([other.provider, other.adapterName], ["postgres", "@cornac/pg"]);
  });

  it("closes a pool of its own, and a given pool only with disposeExternalPool", async () => {
    const factory = new PrismaCornac(options, { pool: { max: 1 } });
    for (let i = 0; i < 2; i++) {
      const other = await factory.connect();
      assert.deepEqual((await other.queryRaw(query("select 1 as n"))).rows, [[1]]);
      await other.dispose();
      assert.equal((await kindOf(other.queryRaw(query("select 1")))).kind, "ConnectionClosed");
    }
    const given = createPool(options);
    await (await new PrismaCornac(given).connect()).dispose();
    assert.equal(await given.query("select 1").scalar(), 1);
    await (await new PrismaCornac(given, { disposeExternalPool: true }).connect()).dispose();
    await failure(given.query("select 1"), InterfaceError);
    assert.throws(() => new PrismaCornac({ hots: "x" } as object), /hots/);
    for (const [name, value] of [["schema", 5], ["disposeExternalPool", "yes"], ["shema", "x"]]) {
      const wrong = { [name!]: value } as object;
      assert.throws(() => new PrismaCornac(options, wrong), new RegExp(`InterfaceError.*${name}`));
    }
  });

  it("makes a shadow database, and drops it", async () => {
    const shadow = await new PrismaCornac(options).connectToShadowDb();
    const name = String((await shadow.queryRaw(query("select current_database()"))).rows[0]![0]);
    assert.match(name, /^prisma_migrate_shadow_db_/);
    await shadow.executeScript("create table t (n int)");
    await Promise.all([shadow.dispose(), shadow.dispose()]);
    assert.equal(await scalar(`select count(*) from pg_database where datname = '${name}'`), "0");
    await failure(new PrismaCornac(pool).connectToShadowDb(), InterfaceError);
  });

  it("works bound by Prisma, whose results hold errors", async () => {
    const bound = await bindSqlAdapterFactory(new PrismaCornac(pool)).connect();
    assert.ok(bound.ok);
    const good = await bound.value.queryRaw(query("select 1 as n"));
    assert.ok(good.ok && good.value.rows[0]![0] === 1);
    const bad = await bound.value.queryRaw(query("selct"));
    assert.ok(!bad.ok && bad.error.kind === "postgres");
  });
});
