/** Each call on a large object is stopped by a signal and by a time of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CallOptions,
  type Connection,
  type LargeObject,
  OperationalError,
  type Transaction,
} from "../../mod.ts";
import { untilActive, withDatabase, withOwnDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";

const MUCH = new Uint8Array(2_000_000);
const enough = new RangeError("enough");

type Call = (tx: Transaction, object: LargeObject, how: CallOptions) => Promise<unknown>;

/** Calls that read tables, which a lock can block. */
const LASTING: Readonly<Record<string, Call>> = {
  create: (tx, _, how) => tx.largeObjects.create(0, how),
  open: (tx, { oid }, how) => tx.largeObjects.open(oid, "r", how),
  unlink: (tx, { oid }, how) => tx.largeObjects.unlink(oid, how),
  read: (_tx, object, how) => object.read(10, how),
  "read to the end": (_tx, object, how) => object.read(undefined, how),
  write: (_tx, object, how) => object.write("x", how),
  "write much": (_tx, object, how) => object.write(MUCH, how),
  seek: (_tx, object, how) => object.seek(0, "end", how),
  truncate: (_tx, object, how) => object.truncate(0, how),
  readable: (_tx, object, how) => object.readable(how).getReader().read(),
  writable: (_tx, object, how) => object.writable(how).getWriter().write("x"),
};
/** Calls that the server always answers at once. */
const INSTANT: Readonly<Record<string, Call>> = {
  tell: (_tx, object, how) => object.tell(how),
  close: (_tx, object, how) => object.close(how),
};

/** Begins, opens a new large object, and rolls back. */
async function within(
  db: Connection,
  work: (tx: Transaction, object: LargeObject) => Promise<void>,
): Promise<void> {
  await using tx = await db.begin();
  await work(tx, await tx.largeObjects.open(await tx.largeObjects.create(), "rw"));
}

test("large object: a call whose signal has aborted sends nothing", () =>
  withDatabase((db) =>
    within(db, async (tx, object) => {
      const how = { signal: AbortSignal.abort(enough) };
      await object.write("abc");
      for (const [name, call] of Object.entries({ ...LASTING, ...INSTANT })) {
        assert.equal(await failure(call(tx, object, how)), enough, name);
      }
      assert.equal(await object.tell(), 3n);
    })
  ));

/** Runs a call that waits for a lock, until `stop`, or else its own time, does something about it. */
async function locked(
  db: Connection,
  database: string,
  call: Call,
  how: CallOptions,
  stop?: () => unknown,
): Promise<unknown> {
  let error: unknown;
  await withDatabase((aside) =>
    within(db, async (tx, object) => {
      await aside.query("begin; lock table pg_largeobject, pg_largeobject_metadata").simple();
      const failed = failure(call(tx, object, how));
      if (stop !== undefined) await untilActive(db, "pg_catalog.lo").then(stop);
      error = await failed;
    }), { database });
  await assertUsable(db);
  return error;
}

test("large object: a call's signal cancels it on the server", () =>
  withOwnDatabase(async (db, database) => {
    for (const [name, call] of Object.entries(LASTING)) {
      const controller = new AbortController();
      const { signal } = controller;
      const error = await locked(db, database, call, { signal }, () => controller.abort(enough));
      assert.equal(error, enough, name);
    }
  }));

test("large object: the timeout of a call covers all of its queries, and cancels on the server", () =>
  withOwnDatabase(async (db, database) => {
    for (const [name, call] of Object.entries(LASTING)) {
      const error = await locked(db, database, call, { timeout: 0.05 });
      assert.ok(error instanceof OperationalError, name);
      assert.equal(error.code, "57014");
      assert.match(error.message, / timed out after 0\.05 s/);
    }
  }, { queryTimeout: 60 }));

test("large object: aborting the stream cancels the write", () =>
  withOwnDatabase(async (db, database) => {
    let writer: WritableStreamDefaultWriter<string | Uint8Array> | undefined;
    const call: Call = (_tx, object) => {
      writer = object.writable().getWriter();
      return writer.write("x");
    };
    assert.equal(await locked(db, database, call, {}, () => writer!.abort(enough)), enough);
  }));

test("large object: a write that fails in several parts fails once", () =>
  withDatabase((db) =>
    within(db, async (tx, { oid }) => {
      const object = await tx.largeObjects.open(oid, "r");
      assert.equal((await failure(object.write(MUCH))).code, "55000");
    })
  ));
