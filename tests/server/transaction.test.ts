import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  type Connection,
  InterfaceError,
  InternalError,
  OperationalError,
  type PgError,
  type Transaction,
} from "../../mod.ts";
import { behind, shared, untilActive, withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";
import { terminate } from "../_kit/servers.ts";

async function table(db: Connection): Promise<() => Promise<unknown[]>> {
  await db.query("create temp table kept (n int)");
  return async () => (await db.query("select n from kept order by n").values()).flat();
}

const add = (tx: Pick<Transaction, "query">, n: number) =>
  tx.query("insert into kept values ($1)", [n]);
const failing = (tx: Pick<Transaction, "query">) => tx.query("select 1/0");

test("transaction: commits when the callback fulfils, and resolves to its value", () =>
  withDatabase(async (db) => {
    const kept = await table(db);
    const value = await db.transaction(async (tx) => {
      await add(tx, 1);
      assert.equal(db.transactionStatus, "transaction");
      return await add(tx, 2).then(() => "value");
    });
    assert.equal(value, "value");
    assert.equal(db.transactionStatus, "idle");
    assert.deepEqual(await kept(), [1, 2]);
    assert.equal(await db.transaction(() => 5), 5);
    assert.deepEqual([...await db.transaction((tx) => tx.query("select 7 as n"))], [{ n: 7 }]);
  }));

test("transaction: rolls back when the callback rejects, and rejects with the same error", () =>
  withDatabase(async (db) => {
    const kept = await table(db);
    const mine = new Error("mine");
    const outcomes: (() => Promise<unknown>)[] = [
      () =>
        db.transaction(async (tx) => {
          await add(tx, 1);
          throw mine;
        }),
      () =>
        db.transaction((tx) => {
          add(tx, 1).execute();
          throw mine;
        }),
      () =>
        db.transaction(async (tx) => {
          await add(tx, 1);
          await failing(tx).catch(() => {});
          throw mine;
        }),
    ];
    for (const outcome of outcomes) {
      await assert.rejects(outcome(), (error) => error === mine);
      assert.deepEqual(await kept(), []);
    }
    await assert.rejects(db.transaction((tx) => failing(tx)), { code: "22012" });
    await assertUsable(db);
  }));

test("transaction: a swallowed failure makes COMMIT an error whose cause it is", () =>
  withDatabase(async (db) => {
    const kept = await table(db);
    const swallowed = db.transaction(async (tx) => {
      await add(tx, 1);
      await failing(tx).catch(() => {});
      await tx.query("select 2").catch(() => {});
    });
    const error: unknown = await swallowed.catch((error: unknown) => error);
    assert.ok(error instanceof InternalError);
    assert.equal(error.code, "40000");
    assert.equal((error.cause as PgError).code, "22012");
    assert.deepEqual(await kept(), []);
  }));

test("transaction: a failure that a savepoint has rolled back does not fail COMMIT", () =>
  withDatabase(async (db) => {
    const kept = await table(db);
    await db.transaction(async (tx) => {
      await add(tx, 1);
      await assert.rejects(
        tx.savepoint(async (sp) => {
          await add(sp, 2);
          await failing(sp);
        }),
        { code: "22012" },
      );
      await assert.rejects(
        tx.transaction(async (sp) => {
          await add(sp, 3);
          await failing(sp).catch(() => {});
        }),
        (error: PgError) =>
          error instanceof InternalError && (error.cause as PgError).code === "22012",
      );
      await tx.transaction((sp) => sp.savepoint((inner) => add(inner, 4)));
      await add(tx, 5);
    });
    assert.deepEqual(await kept(), [1, 4, 5]);
  }));

test("transaction: while it is open, queries on the connection are refused with the reason", () =>
  withDatabase(async (db) => {
    const kept = await table(db);
    await db.transaction(async (tx) => {
      await add(tx, 1);
      const strange: (() => PromiseLike<unknown>)[] = [
        () => db.query("select 1"),
        () => db.sql`select 1`,
        () => db.query("select 1").simple(),
        () => db.query("select 1").batches(1).next(),
        () => db.batch([{ text: "select 1" }]),
        () => db.executeMany("select $1::int", [[1]]),
        () => db.prepare("select 1"),
        () => db.transaction(() => 1),
        () => db.begin(),
      ];
      for (const ask of strange) {
        await assert.rejects(async () => await ask(), {
          name: "InterfaceError",
          message: /^a transaction is open on this connection/,
        });
      }
      await tx.savepoint(async (sp) => {
        await assert.rejects(add(tx, 2), /^InterfaceError: a savepoint is open/);
        await assert.rejects(tx.savepoint(() => 1), InterfaceError);
        await assert.rejects(tx.commit(), InterfaceError);
        await add(sp, 3);
      });
      await add(tx, 4);
    });
    assert.deepEqual(await kept(), [1, 3, 4]);
  }));

test("transaction: refuses queries after its end", () =>
  withDatabase(async (db) => {
    const kept = await table(db);
    let leaked: Transaction | undefined;
    await db.transaction(async (tx) => {
      leaked = tx;
      await add(tx, 1);
    });
    await assert.rejects(add(leaked!, 2), /has ended/);
    await assert.rejects(leaked!.savepoint(() => 1), /has ended/);
    await assert.rejects(leaked!.commit(), /already committed/);
    await db.transaction(async (tx) => {
      await assert.rejects(add(leaked!, 3), InterfaceError);
      await add(tx, 4);
    });
    assert.deepEqual(await kept(), [1, 4]);
  }));

test("transaction: isolation, readOnly and deferrable reach the server", () =>
  withDatabase(async (db) => {
    const modes = (tx: Transaction) =>
      tx.query(
        `select current_setting('transaction_isolation'), current_setting('transaction_read_only'),
        current_setting('transaction_deferrable')`,
      ).values().one();
    assert.deepEqual(await db.transaction(modes), ["read committed", "off", "off"]);
    for (const isolation of ["read uncommitted", "repeatable read", "serializable"] as const) {
      assert.deepEqual(await db.transaction(modes, { isolation }), [isolation, "off", "off"]);
    }
    const all = { isolation: "serializable", readOnly: true, deferrable: true } as const;
    assert.deepEqual(await db.transaction(modes, all), ["serializable", "on", "on"]);
    await db.query("set default_transaction_read_only = on");
    assert.deepEqual(await db.transaction(modes, { readOnly: false }), [
      "read committed",
      "off",
      "off",
    ]);
    const bad = { isolation: "serializable; drop table x" as "serializable" };
    await assert.rejects(db.transaction(modes, bad), InterfaceError);
    await assert.rejects(db.transaction((tx) => tx.transaction(modes, all)), InterfaceError);
    await assertUsable(db);
  }));

test("transaction: savepoints that are open when the callback settles end with it", () =>
  withDatabase(async (db) => {
    const kept = await table(db);
    const mine = new Error("mine");
    for (const fails of [true, false]) {
      let inner: Promise<unknown> | undefined;
      let leave = (): void => {};
      const outer = db.transaction(async (tx) => {
        await add(tx, 1);
        inner = tx.savepoint(async (sp) => {
          await add(sp, 2);
          await new Promise<void>((resolve) => leave = resolve);
          await add(sp, 3);
        });
        inner.catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (fails) throw mine;
      });
      await assert.rejects(outer, fails ? mine : /a savepoint in the transaction is still open/);
      leave();
      await assert.rejects(inner!, InterfaceError);
      assert.equal(db.transactionStatus, "idle");
      assert.deepEqual(await kept(), []);
    }
  }));

test("transaction: BEGIN goes with the first statement, in one round trip", () =>
  withDatabase(async (db) => {
    const statuses: string[] = [];
    await db.transaction(async (tx) => {
      statuses.push(db.transactionStatus);
      await tx.query("select 1");
      statuses.push(db.transactionStatus);
    });
    assert.deepEqual(statuses, ["idle", "transaction"]);
  }));

test("transaction: is refused while a transaction is open that a query has begun", () =>
  withDatabase(async (db) => {
    await db.query("begin");
    await assert.rejects(db.transaction(() => 1), {
      name: "InterfaceError",
      message: /already open/,
    });
    await assert.rejects(db.begin(), InterfaceError);
    await db.query("rollback");
    await db.transaction((tx) => tx.query("select 1"));
  }));

test("begin: commits by commit(), rolls back at the end of its block, and ends once", () =>
  withDatabase(async (db) => {
    const kept = await table(db);
    const first = await db.begin({ isolation: "repeatable read" });
    await add(first, 1);
    await first.commit();
    await assert.rejects(first.commit(), InterfaceError);
    await first[Symbol.asyncDispose]();

    const second = await db.begin();
    await add(second, 2);
    await second[Symbol.asyncDispose]();
    await second.rollback();
    await assert.rejects(second.commit(), /already rolled back/);

    const third = await db.begin();
    await failing(third).catch(() => {});
    await assert.rejects(third.commit(), InternalError);
    assert.deepEqual(await kept(), [1]);
  }));

test("begin: a refusal leaves the connection free", () =>
  withDatabase(async (db) => {
    await assert.rejects(
      db.begin({ isolation: "none" as never }),
      /^InterfaceError: isolation/,
    );
    await db.query("select 1");
    await (await db.begin()).commit();
  }));

test("commit: rejects with the error of a deferred constraint, and the connection is usable", () =>
  withDatabase(async (db) => {
    await db.query("create temp table parent (id int primary key deferrable initially deferred)");
    const twice = db.transaction(async (tx) => {
      await tx.query("insert into parent values (1)");
      await tx.query("insert into parent values (1)");
    });
    await assert.rejects(twice, { name: "IntegrityError", code: "23505" });
    assert.equal(db.transactionStatus, "idle");
    await assertUsable(db);
  }));

test("transaction: retries serialization failures until it succeeds", () =>
  withDatabase(async (db) => {
    const other = await connect(await shared());
    try {
      await behind(
        "drop table if exists tx_retry; create table tx_retry as select 1 as id, 0 as n",
      );
      let attempts = 0;
      const work = async (tx: Transaction): Promise<number> => {
        attempts++;
        const n = await tx.query("select n from tx_retry").scalar<number>();
        if (attempts < 3) await other.query("update tx_retry set n = n + 10");
        await tx.query("update tx_retry set n = $1", [n + 1]);
        return n;
      };
      const how = { isolation: "serializable" } as const;
      assert.equal(await db.transaction(work, { ...how, retries: 5 }), 20);
      assert.equal(attempts, 3);
      attempts = 0;
      await assert.rejects(db.transaction(work, { ...how, retries: 1 }), { code: "40001" });
      assert.equal(attempts, 2);
      attempts = 0;
      await assert.rejects(db.transaction(work, how), { code: "40001" });
      assert.equal(attempts, 1);
    } finally {
      await other.close();
      await behind("drop table tx_retry");
    }
  }));

test("transaction: retries such failures when wrapped or swallowed, and no others", () =>
  withDatabase(async (db) => {
    const raise = (tx: Transaction, code: string) =>
      tx.query(`do $$begin raise exception 'x' using errcode = '${code}'; end$$`);
    for (const [code, wanted] of [["40001", 3], ["40P01", 3], ["23505", 1]] as const) {
      let attempts = 0;
      const wrapped = db.transaction(async (tx) => {
        if (++attempts === 3) return;
        await raise(tx, code).catch((cause) => {
          throw new Error("wrapped", { cause });
        });
      }, { retries: 4 });
      await wrapped.catch(() => {});
      assert.equal(attempts, wanted, code);
      attempts = 0;
      const swallowed = db.transaction(async (tx) => {
        if (++attempts < 3) await raise(tx, code).catch(() => {});
      }, { retries: 4 });
      await swallowed.catch(() => {});
      assert.equal(attempts, wanted, `${code} swallowed`);
    }
  }));

test("transaction: the end of the backend rejects it, and later queries are refused", () =>
  withDatabase(async (db) => {
    const lost = db.transaction(async (tx) => {
      // Asked before: what is asked after the death was noticed is refused, and not lost.
      const slow = tx.query("select pg_sleep(60)").execute();
      await untilActive(db, "pg_sleep(60)");
      await terminate(db);
      await slow;
    });
    await assert.rejects(lost, OperationalError);
    await db.closed;
    await assert.rejects(db.transaction(() => 1), InterfaceError);
    await assert.rejects(db.begin(), InterfaceError);
  }));

test("transaction: an abort within it fails it, and the connection is usable", () =>
  withDatabase(async (db) => {
    const kept = await table(db);
    const controller = new AbortController();
    const reason = new Error("enough");
    const work = db.transaction(async (tx) => {
      await add(tx, 1);
      setTimeout(() => controller.abort(reason), 50);
      await tx.query("select pg_sleep(300)", [], { signal: controller.signal });
    });
    await assert.rejects(work, (error) => error === reason);
    const late = db.transaction(async (tx) => {
      await add(tx, 1);
      await tx.query("select pg_sleep(300)", [], { timeout: 0.05 });
    });
    await assert.rejects(late, { code: "57014" });
    assert.deepEqual(await kept(), []);
  }));

test("transaction: batches, many, prepared statements and cursors run in it", () =>
  withDatabase(async (db) => {
    const kept = await table(db);
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.batch([
          { text: "insert into kept values (1)" },
          tx.sql`insert into kept values (${2})`,
        ]);
        await tx.executeMany("insert into kept values ($1)", [[3], [4]]);
        const statement = await tx.prepare("insert into kept values ($1)");
        await statement.query([5]);
        await statement.close();
        assert.equal(await tx.query("select sum(n)::int from kept").scalar(), 15);
        throw new Error("undo");
      }),
      /undo/,
    );
    assert.deepEqual(await kept(), []);
  }));
