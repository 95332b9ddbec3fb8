/**
 * Code that is loaded with its first use. A request that waits for its code keeps its place: what is
 * made behind it takes effect behind it, and `close()`, a lock and an abort meet it as they would
 * meet any other request.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection, OperationalError, type QueryOptions, type Transaction } from "../../mod.ts";
import { openCore, runtimeOf } from "../../src/connect.ts";
import { withCode } from "../../src/session/loading.ts";
import { loaded } from "../../src/errors/loading.ts";
import type { Session } from "../../src/session/session.ts";
import { shared, withDatabase } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

const TABLE = "create temp table log (n int generated always as identity, made text)";

/** First uses that write a row, at once. */
const USES: Readonly<Record<string, (db: Connection | Transaction) => Promise<unknown>>> = {
  "batch()": (db) => db.batch([{ text: "insert into log (made) values ('it')" }]),
  "executeMany()": (db) => db.executeMany("insert into log (made) values ($1)", [["it"]]),
};

for (const [name, use] of Object.entries(USES)) {
  test(`loaded code: the first ${name} takes effect before what is made behind it`, () =>
    withDatabase(async (db) => {
      await db.query(TABLE);
      db.query("insert into log (made) values ('before')").execute();
      const used = use(db);
      db.query("insert into log (made) values ('after')").execute();
      const made = db.query("select made from log order by n").values();
      assert.deepEqual([...await made], [["before"], ["it"], ["after"]]);
      await used;
    }));

  test(`loaded code: close() waits for the first ${name}`, () =>
    withDatabase(async (db) => {
      await db.query(TABLE);
      const used = use(db);
      const closed = db.close();
      await used;
      await closed;
    }));

  test(`loaded code: a transaction that is begun behind the first ${name} does not contain it`, () =>
    withDatabase(async (db) => {
      await db.query(TABLE);
      const used = use(db);
      const tx = await db.begin();
      await tx.query("insert into log (made) values ('inside')");
      await tx.rollback();
      await used;
      const made = await db.query("select made from log").values();
      assert.deepEqual([...made], [["it"]]);
    }));
}

/** First copies: the lock of a copy is taken at once. */
const COPIES: Readonly<Record<string, (db: Connection | Transaction) => Promise<unknown>>> = {
  "copyFrom()": (db) => db.copyFrom("copy log (made) from stdin", "it\n"),
  "copyRowsFrom()": (db) => db.copyRowsFrom("log", ["made"], [["it"]]),
  "copyTo()": (db) => new Response(db.copyTo("copy log to stdout")).text(),
};

for (const [name, copy] of Object.entries(COPIES)) {
  test(`loaded code: a query behind the first ${name} is refused`, () =>
    withDatabase(async (db) => {
      await db.query(TABLE);
      db.query("insert into log (made) values ('before')").execute();
      const copied = copy(db);
      const { message } = await failure(db.query("select 1")) as Error;
      assert.match(message, /^a COPY is in progress on this connection/);
      await copied;
    }));

  test(`loaded code: ROLLBACK behind the first ${name} of a transaction ends it`, () =>
    withDatabase(async (db) => {
      await db.query(TABLE);
      const tx = await db.begin();
      await tx.query("select 1");
      const copied = failure(copy(tx));
      await tx.rollback();
      assert.match(String(await copied), /cancelled|has ended/);
      assert.equal(await db.query("select count(*)::int from log").scalar(), 0);
    }));
}

/** Ways in which a first copy ends before it has begun. */
const ENDS: Readonly<Record<string, (db: Connection, abort: () => void) => void>> = {
  "is aborted": (_, abort) => abort(),
  "loses its connection": (db) => db.destroy(),
};

for (const [name, end] of Object.entries(ENDS)) {
  test(`loaded code: the rows of a first copyRowsFrom() that ${name} are closed`, () =>
    withDatabase(async (db) => {
      await db.query(TABLE);
      const controller = new AbortController();
      let closed = 0;
      const rows = {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.resolve({ done: false as const, value: ["it"] }),
          return: () => Promise.resolve({ done: true as const, value: ++closed }),
        }),
      };
      const { signal } = controller;
      const copied = failure(db.copyRowsFrom("log", ["made"], rows, { signal }));
      end(db, () => controller.abort(new Error("enough")));
      await copied;
      assert.equal(closed, 1);
    }));
}

test("loaded code: the first copyRowsFrom() takes its arguments at once", () =>
  withDatabase(async (db) => {
    await db.query(TABLE);
    const [table, columns] = [["log"], ["made"]];
    const rows = new ReadableStream<string[]>({
      start(controller) {
        controller.enqueue(["it"]);
        controller.close();
      },
    });
    const copied = db.copyRowsFrom(table, columns, rows);
    assert.equal(rows.locked, true);
    [table[0], columns[0]] = ["other", "another"];
    assert.equal(await copied, 1);
  }));

/** First uses, each with a change of what it is given that is made while it waits for its code. */
const CHANGED: Readonly<
  Record<string, (db: Connection) => readonly [Promise<unknown>, () => void]>
> = {
  "a parameter of batch()": (db) => {
    const parameters = ["it"];
    const done = db.batch([{ text: "select $1::text as it", parameters }]);
    return [done.then(([result]) => result![0]!.it), () => parameters[0] = "changed"];
  },
  "a named parameter of batch()": (db) => {
    const parameters = { it: "it" };
    const done = db.batch([{ text: "select :it::text as it", parameters }]);
    return [done.then(([result]) => result![0]!.it), () => parameters.it = "changed"];
  },
  "a query of batch()": (db) => {
    const queries = [{ text: "select 'it' as it" }];
    const done = db.batch(queries);
    return [done.then(([result]) => result![0]!.it), () => queries[0]!.text = "select 1 as it"];
  },
  "a set of executeMany()": (db) => {
    const sets = [["it"]];
    const done = db.executeMany("select $1::text as it", sets);
    return [done.then(([row]) => row!.it), () => sets[0]![0] = "changed"];
  },
  "an option of prepare()": (db) => {
    const options: QueryOptions = { rows: "array" };
    const done = db.prepare("select 'it' as it", options);
    const first = done.then(async (statement) => (await statement.query())[0] as unknown[]);
    return [first.then((row) => row[0]), () => options.rows = "object"];
  },
  "the signal of listen()": (db) => {
    const options: { signal?: AbortSignal } = {};
    const done = db.listen("it", options);
    const name = done.then(async (subscription) => (await subscription.close(), "it"));
    return [name, () => options.signal = AbortSignal.abort()];
  },
};

for (const [what, use] of Object.entries(CHANGED)) {
  test(`loaded code: ${what} counts as it was when the call was made`, () =>
    withDatabase(async (db) => {
      const [done, change] = use(db);
      change();
      assert.equal(await done, "it");
    }));
}

test("loaded code: a stream that is left before the code of COPY has come copies nothing", () =>
  withDatabase(async (db) => {
    await db.query(TABLE);
    const reader = db.copyTo("copy (select 1/0) to stdout").getReader();
    const read = reader.read();
    const left = reader.cancel();
    assert.equal(await db.query("select 1").values().scalar(), 1);
    await left;
    assert.equal((await read).done, true);
  }));

test("loaded code: the source of a first copy that is aborted is closed", () =>
  withDatabase(async (db) => {
    await db.query(TABLE);
    const controller = new AbortController();
    let closed = 0;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: false as const, value: "it\n" }),
        return: () => Promise.resolve({ done: true as const, value: ++closed }),
      }),
    };
    const { signal } = controller;
    const copied = failure(db.copyFrom("copy log (made) from stdin", source, { signal }));
    controller.abort(new Error("enough"));
    assert.equal((await copied as Error).message, "enough");
    assert.equal(closed, 1);
    assert.equal(await db.query("select count(*)::int from log").scalar(), 0);
  }));

test("loaded code: LISTEN of the first listen() is sent before what is made behind it", () =>
  withDatabase(async (db) => {
    const listening = db.listen("first");
    db.query("select pg_notify('first', 'it')").execute();
    const subscription = await listening;
    assert.equal((await subscription.next()).value?.payload, "it");
    await subscription.close();
  }));

test("loaded code: the first listen() in a transaction is refused as a later one is", () =>
  withDatabase(async (db) => {
    const tx = await db.begin();
    const { message } = await failure(db.listen("first")) as Error;
    assert.match(message, /^listen\(\) cannot be called in a transaction/);
    await tx.rollback();
  }));

test("loaded code: the first transaction() has the connection at once, behind what was made", () =>
  withDatabase(async (db) => {
    await db.query(TABLE);
    db.query("insert into log (made) values ('before')").execute();
    const ran = db.transaction((tx) => tx.query("select made from log").values());
    for (const outside of [db.query("select 1"), db.begin(), db.transaction(() => {})]) {
      const { message } = await failure(outside) as Error;
      assert.match(message, /^a transaction is open on this connection/);
    }
    assert.deepEqual([...await ran], [["before"]]);
    assert.equal(await db.query("select 1").values().scalar(), 1);
  }));

test("loaded code: the first begin() takes its options at once", () =>
  withDatabase(async (db) => {
    const options = { readOnly: true };
    const begun = db.begin(options);
    options.readOnly = false;
    const tx = await begun;
    assert.equal(await tx.query("show transaction_read_only").values().scalar(), "on");
    await tx.rollback();
  }));

test("loaded code: a first transaction() that is aborted at once runs nothing", () =>
  withDatabase(async (db) => {
    const controller = new AbortController();
    const { signal } = controller;
    const ran = failure(db.transaction(() => assert.fail("it was run"), { signal }));
    controller.abort(new Error("enough"));
    assert.equal((await ran as Error).message, "enough");
    assert.equal(await db.query("select 1").values().scalar(), 1);
  }));

test("loaded code: a first transaction() of a connection that is closed behind it fails", () =>
  withDatabase(async (db) => {
    const ran = failure(db.transaction((tx) => tx.query("select 1")));
    db.destroy();
    assert.match(String(await ran), /connection is closed/);
  }));

test("loaded code: the first batch() of a transaction runs in it, and before what is behind it", () =>
  withDatabase(async (db) => {
    await db.query(TABLE);
    const tx = await db.begin();
    const used = USES["batch()"]!(tx);
    const made = await tx.query("select made from log").values();
    assert.deepEqual([...made], [["it"]]);
    await used;
    await tx.rollback();
    assert.equal(await db.query("select count(*)::int from log").scalar(), 0);
  }));

/** Calls `work` with a session, and a connection over it. */
function withSession(
  work: (session: Session, db: Connection) => Promise<void>,
): Promise<void> {
  return withoutUnhandled(async () => {
    const core = await openCore(undefined, await shared(), await runtimeOf({}));
    const db = new Connection(core);
    try {
      await work(core.session, db);
    } finally {
      db.destroy();
      await db.closed;
    }
  });
}

/** Code that is loaded when `arrive` is called. */
function code(): { load: () => Promise<string>; arrive(): void } {
  let arrive = (): void => {};
  const loaded = new Promise<string>((resolve) => arrive = () => resolve("code"));
  return { load: () => loaded, arrive: () => arrive() };
}

test("loaded code: what cannot be loaded fails its call, and nothing else", () =>
  withSession(async (session, db) => {
    const cause = new TypeError("Failed to fetch dynamically imported module");
    let loads = 0;
    const load = (): Promise<string> => {
      const part = ++loads === 1 ? Promise.reject(cause) : Promise.resolve("code");
      return loaded(part, "this");
    };
    const used = () => withCode(session, load, {}, () => db.query("select 1").scalar());
    const first = failure(used());
    const behind = db.query("select 2").scalar();
    const error = await first;
    assert.ok(error instanceof OperationalError);
    assert.match(error.message, /^cannot load this: Failed to fetch/);
    assert.equal(error.cause, cause);
    assert.equal(await behind, 2);
    assert.equal(await used(), 1);
  }));

test("loaded code: a request whose signal aborts before its code has come is never made", () =>
  withSession(async (session, db) => {
    const { load, arrive } = code();
    const controller = new AbortController();
    const reason = new Error("enough");
    const { signal } = controller;
    const used = withCode(session, load, { signal }, () => assert.fail("it was made"));
    const behind = db.query("select 1 as one").execute();
    controller.abort(reason);
    assert.equal(await failure(used), reason);
    assert.deepEqual([...await behind], [{ one: 1 }]);
    arrive();
    assert.equal(await db.query("select 2").scalar(), 2);
  }));

test("loaded code: a request fails with the connection that is lost before its code has come", () =>
  withSession(async (session, db) => {
    const { load, arrive } = code();
    const used = failure(withCode(session, load, {}, () => assert.fail("it was made")));
    db.destroy();
    assert.match(String(await used), /connection destroyed/);
    arrive();
  }));

test("loaded code: one(), optional() and scalar() are sent before what is made behind them", () =>
  withDatabase(async (db) => {
    await db.query(TABLE);
    const insert = db.query("insert into log (made) values ('it') returning made");
    const made = [insert.one(), db.query("table log").scalar(), db.query("table log").optional()];
    const deleted = db.query("delete from log").execute();
    await Promise.all(made);
    assert.equal((await deleted).rowCount, 1);
  }));

test("loaded code: several requests that wait for it are made in their order", () =>
  withSession(async (session, db) => {
    const { load, arrive } = code();
    await db.query(TABLE);
    const insert = (made: string) =>
      db.query("insert into log (made) values ($1)", [made]).execute();
    const both = (a: string, b: string) =>
      withCode(session, load, {}, () => Promise.all([insert(a), insert(b)]));
    const made = [both("1", "2"), insert("3"), both("4", "5"), insert("6")];
    arrive();
    await Promise.all(made);
    const rows = await db.query("select made from log order by n").values();
    assert.deepEqual([...rows].flat(), ["1", "2", "3", "4", "5", "6"]);
  }));

/** Queries whose only row has a type that the catalogue knows. */
const UNKNOWN: Readonly<Record<string, (db: Connection) => Promise<readonly unknown[]>>> = {
  "a query": (db) => db.query("select m from pg_am m where amname = $1", ["heap"]).execute(),
  "a simple query": (db) => db.query("select m from pg_am m where oid = 2").simple().execute(),
  "a batch": async (db) => (await db.batch([{ text: "select m from pg_am m where oid = 2" }]))[0]!,
};

for (const [what, use] of Object.entries(UNKNOWN)) {
  for (const asked of [false, true]) {
    const when = asked ? "was asked before" : "has never been asked";
    test(`loaded code: close() waits for the types of ${what} where the catalogue ${when}`, () =>
      withDatabase(async (db) => {
        if (asked) await db.query("select n from pg_namespace n");
        const used = use(db);
        const closed = db.close();
        assert.equal(((await used)[0] as { m: { amname: string } }).m.amname, "heap");
        await closed;
      }));
  }
}
