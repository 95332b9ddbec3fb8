/** The faults of failures.test.ts, and how each operation is made to last, fail or throw. */
import type {
  CallOptions,
  Connection,
  LargeObject,
  PreparedStatement,
  Transaction,
} from "../../mod.ts";
import { behind } from "../_kit/databases.ts";
import type { FaultProxy } from "../_kit/fault_proxy.ts";
import type { OperationName } from "./failure_table.ts";

/** The reason of every signal, and what every source throws: known again by being the same object. */
export const REASON: Error = new RangeError("aborted");
export const OWN: Error = new SyntaxError("thrown by a source or a reader");

/** One cell while it is run. */
export class Scene {
  readonly db: Connection;
  readonly proxy: FaultProxy;
  /** Another connection, past the proxy. */
  readonly aside: Connection;
  /** Names what it makes that others can see. */
  readonly name: string;
  readonly statements: Map<string, PreparedStatement> = new Map();
  isOver = false;
  readonly #strike: () => unknown;

  /** `strike` is what happens to the operation once the server is at it. */
  constructor(
    db: Connection,
    aside: Connection,
    proxy: FaultProxy,
    name: string,
    strike: () => unknown,
  ) {
    this.db = db;
    this.aside = aside;
    this.proxy = proxy;
    this.name = name;
    this.#strike = strike;
  }

  /** The operation is under way. */
  underway(): void {
    void this.#strike();
  }

  /**
   * Waits until the server sleeps, waits for a lock, or for data that does not come. What it has not
   * read yet would make its last words a reset.
   */
  async untilBlocked(on: readonly string[]): Promise<void> {
    const sql = `select from pg_stat_activity where pid = ${this.db.processId}
      and state = 'active' and wait_event_type in (${on.map((type) => `'${type}'`).join()})`;
    for (let before = -1; !this.isOver;) {
      const isBlocked = (await behind(sql)).length > 0;
      const sent = this.proxy.up.bytes;
      if (isBlocked && sent === before) break;
      before = isBlocked ? sent : -1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.underway();
  }
}

/** How an operation behaves; each resolves or rejects as the operation itself does. */
export interface Operation {
  /** Made in advance, when nothing is wrong yet. */
  readonly prepare?: (scene: Scene) => Promise<unknown>;
  /** Succeeds. */
  readonly works: (scene: Scene, how: CallOptions) => Promise<unknown>;
  /** Lasts longer than a test, and calls `strike` while the server works on it. */
  readonly lasts: (scene: Scene, how: CallOptions) => Promise<unknown>;
  readonly refused?: (scene: Scene) => Promise<unknown>;
  readonly throws?: (scene: Scene) => Promise<unknown>;
  /** Undoes what others can see. */
  readonly cleanUp?: (scene: Scene) => Promise<unknown>;
}

const SLEEP = "select pg_sleep(600)";
/** Some rows, then one over which the server sleeps, or which it cannot make. */
const LASTING =
  "select n, case when n > 3000 then pg_sleep(600)::text end from generate_series(1, 4000) n";
const REFUSED = "select 1 / (n - 3000) as n from generate_series(1, 4000) n";
const WORKING = "select n from generate_series(1, 4000) n";
const NEVER = new Promise<never>(() => {});

/** Runs a query that blocks, and strikes then. */
async function blocked<T>(scene: Scene, operation: PromiseLike<T>): Promise<T> {
  const settled = Promise.resolve(operation);
  void scene.untilBlocked(["Timeout", "Lock"]);
  return await settled;
}

/** Reads to the end, or to a thousandth row where the reader throws. */
async function read(items: AsyncIterable<unknown>, throws = false): Promise<number> {
  let count = 0;
  for await (const _ of items) if (++count && throws) throw OWN;
  return count;
}

/** A source that yields `items`, then ends, throws or stays silent, as `then` does. */
async function* source<T>(items: readonly T[], then: () => unknown = () => {}): AsyncGenerator<T> {
  for (const item of items) yield item;
  await then();
}

const throwOwn = (): never => {
  throw OWN;
};
const silent = (scene: Scene) => (): Promise<never> => {
  void scene.untilBlocked(["Client"]);
  return NEVER;
};

/** Enough to leave in several pieces. */
const LINES = Array.from({ length: 20 }, (_, i) => `${i}\n`.repeat(5000));
const ROWS = Array.from({ length: 20_000 }, (_, i) => [i]);

const insert = (tx: Transaction) => tx.query("insert into t values (1)");

function transaction(
  scene: Scene,
  how: CallOptions,
  work: (tx: Transaction) => PromiseLike<unknown>,
): Promise<unknown> {
  return scene.db.transaction(async (tx) => {
    await insert(tx);
    return await work(tx);
  }, how);
}

/** A transaction by `begin()`. */
async function begun(
  { db }: Scene,
  how: CallOptions,
  work: (tx: Transaction) => PromiseLike<unknown>,
): Promise<unknown> {
  const tx = await db.begin(how);
  try {
    await insert(tx);
    const value = await work(tx);
    await tx.commit();
    return value;
  } finally {
    await tx[Symbol.asyncDispose]();
  }
}

/** Writes to a new large object, and lets `then` decide what follows. */
function written(
  scene: Scene,
  how: CallOptions,
  then: (object: LargeObject) => unknown,
): Promise<unknown> {
  return transaction(scene, how, async ({ largeObjects }) => {
    const object = await largeObjects.open(await largeObjects.create(), "rw");
    await object.write("x".repeat(500_000));
    await then(object);
    await object.close();
    return await largeObjects.unlink(object.oid);
  });
}

/** Deletes a large object in a transaction that stays open, so that another session must wait to do it. */
async function deleteAside({ db, aside }: Scene): Promise<void> {
  const oid = await aside.query("select lo_create(0)").scalar();
  await db.query("select set_config('failures.oid', $1, false)", [String(oid)]);
  await aside.query(`begin; select lo_unlink(${oid})`).simple();
}

/** Wants to delete the same. */
async function deleting(scene: Scene, tx: Transaction, how: CallOptions = {}): Promise<void> {
  const oid = await tx.query("select current_setting('failures.oid')").scalar();
  await blocked(scene, tx.largeObjects.unlink(Number(oid), how));
}

export const TRIALS: Readonly<Record<OperationName, Operation>> = {
  query: {
    works: ({ db }, how) => db.query("select 1", [], how),
    lasts: (scene, how) => blocked(scene, scene.db.query(SLEEP, [], how)),
    refused: ({ db }) => db.query("select 1 / $1::int", [0]),
  },
  simple: {
    works: ({ db }, how) => db.query("select 1; select 2", [], how).simple(),
    lasts: (scene, how) => {
      const text = `insert into t values (1); ${SLEEP}`;
      return blocked(scene, scene.db.query(text, [], how).simple());
    },
    refused: ({ db }) => db.query("insert into t values (1); select 1 / 0").simple(),
  },
  prepared: {
    prepare: async (scene) => {
      for (const text of ["select 1", SLEEP, "select 1 / $1::int"]) {
        scene.statements.set(text, await scene.db.prepare(text));
      }
    },
    works: ({ statements }, how) => statements.get("select 1")!.query([], how),
    lasts: (scene, how) => blocked(scene, scene.statements.get(SLEEP)!.query([], how)),
    refused: ({ statements }) => statements.get("select 1 / $1::int")!.query([0]),
  },
  prepare: {
    prepare: async ({ aside, name }) => {
      await behind(`create table "${name}" (n int)`);
      // To parse a statement the server locks its tables.
      await aside.query(`begin; lock table "${name}"`).simple();
    },
    works: ({ db }, how) => db.prepare("select 1", how),
    lasts: (scene, how) => blocked(scene, scene.db.prepare(`select from "${scene.name}"`, how)),
    refused: ({ db }) => db.prepare("select from none"),
    cleanUp: async ({ aside, name }) => {
      await aside.query(`drop table "${name}"; commit`).simple();
    },
  },
  stream: {
    works: ({ db }, how) => read(db.query(WORKING, [], how)),
    lasts: (scene, how) => blocked(scene, read(scene.db.query(LASTING, [], how))),
    refused: ({ db }) => read(db.query(REFUSED)),
    throws: ({ db }) => read(db.query(LASTING), true),
  },
  batch: {
    works: ({ db }, how) => db.batch([{ text: "select 1" }, { text: "select 2" }], how),
    lasts: (scene, how) => {
      const queries = [{ text: "insert into t values (1)" }, { text: SLEEP }];
      return blocked(scene, scene.db.batch(queries, how));
    },
    refused: ({ db }) => db.batch([{ text: "insert into t values (1)" }, { text: "select 1 / 0" }]),
  },
  executeMany: {
    works: ({ db }, how) => db.executeMany("select $1::int", [[1], [2]], how),
    lasts: (scene, how) => {
      const text = "with i as (insert into t values (1)) select pg_sleep($1)";
      return blocked(scene, scene.db.executeMany(text, [[0], [600]], how));
    },
    refused: ({ db }) => {
      return db.executeMany("insert into t values (1 / $1::int)", [[1], [0]]);
    },
    throws: ({ db }) => {
      const rows = (function* (): Generator<number[]> {
        yield [1];
        throw OWN;
      })();
      return db.executeMany("insert into t values ($1)", rows);
    },
  },
  copyFrom: {
    works: ({ db }, how) => db.copyFrom("copy t from stdin", source(LINES), how),
    lasts: (scene, how) => {
      return scene.db.copyFrom("copy t from stdin", source(LINES, silent(scene)), how);
    },
    refused: ({ db }) => db.copyFrom("copy t from stdin", source([...LINES, "x\n", ...LINES])),
    throws: ({ db }) => db.copyFrom("copy t from stdin", source(LINES, throwOwn)),
  },
  copyTo: {
    works: ({ db }, how) => read(db.copyTo(`copy (${WORKING}) to stdout`, how)),
    lasts: (scene, how) => {
      return blocked(scene, read(scene.db.copyTo(`copy (${LASTING}) to stdout`, how)));
    },
    refused: ({ db }) => read(db.copyTo(`copy (${REFUSED}) to stdout`)),
    throws: ({ db }) => read(db.copyTo(`copy (${LASTING}) to stdout`), true),
  },
  copyRowsFrom: {
    works: ({ db }, how) => db.copyRowsFrom("t", ["n"], source(ROWS), how),
    lasts: (scene, how) => {
      return scene.db.copyRowsFrom("t", ["n"], source(ROWS, silent(scene)), how);
    },
    refused: ({ db }) => db.copyRowsFrom("t", ["n"], source([...ROWS, [-1], ...ROWS])),
    throws: ({ db }) => db.copyRowsFrom("t", ["n"], source(ROWS, throwOwn)),
  },
  copyRowsTo: {
    prepare: ({ db }) =>
      db.query(`create temp view works as ${WORKING}; create temp view refused as ${REFUSED};
        create temp view lasts (n, slept) as ${LASTING}`).simple(),
    works: ({ db }, how) => read(db.copyRowsTo("works", ["n"], how)),
    lasts: (scene, how) => {
      return blocked(scene, read(scene.db.copyRowsTo("lasts", ["n", "slept"], how)));
    },
    refused: ({ db }) => read(db.copyRowsTo("refused", ["n"])),
    throws: ({ db }) => read(db.copyRowsTo("lasts", ["n", "slept"]), true),
  },
  transaction: {
    works: (scene, how) => scene.db.transaction((tx) => tx.query("select 1"), how),
    lasts: (scene, how) => transaction(scene, how, (tx) => blocked(scene, tx.query(SLEEP))),
    refused: (scene) => transaction(scene, {}, (tx) => tx.query("select 1 / 0")),
    throws: (scene) => transaction(scene, {}, throwOwn),
  },
  begin: {
    works: async ({ db }, how) => await (await db.begin(how)).commit(),
    lasts: (scene, how) => begun(scene, how, (tx) => blocked(scene, tx.query(SLEEP))),
    refused: (scene) => begun(scene, {}, (tx) => tx.query("select 1 / 0")),
    throws: (scene) => begun(scene, {}, throwOwn),
  },
  largeObject: {
    prepare: deleteAside,
    works: (scene, how) => written(scene, how, () => {}),
    lasts: (scene, how) => transaction(scene, how, (tx) => deleting(scene, tx)),
    refused: (scene) => transaction(scene, {}, (tx) => tx.largeObjects.open(1, "r")),
    throws: (scene) => written(scene, {}, throwOwn),
    cleanUp: ({ aside }) => aside.query("commit"),
  },
  largeObjectCall: {
    prepare: deleteAside,
    works: ({ db }, how) => {
      return db.transaction(async ({ largeObjects }) => {
        await largeObjects.unlink(await largeObjects.create(0, how), how);
      });
    },
    lasts: (scene, how) => transaction(scene, {}, (tx) => deleting(scene, tx, how)),
    refused: (scene) => transaction(scene, {}, (tx) => tx.largeObjects.open(1, "r")),
    throws: (scene) =>
      written(scene, {}, async (object) => {
        await object.seek(0);
        await read(object.readable(), true);
      }),
    cleanUp: ({ aside }) => aside.query("commit"),
  },
  listen: {
    works: async ({ db, name }, how) => await (await db.listen(name, how)).close(),
    lasts: async (scene, how) => {
      const subscription = await scene.db.listen(scene.name, how);
      setTimeout(() => scene.underway(), 0);
      return await subscription.next();
    },
    throws: async ({ db, name }) => {
      const subscription = await db.listen(name);
      await db.notify(name);
      return await read(subscription, true);
    },
  },
};
