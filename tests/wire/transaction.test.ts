/** A transaction on the wire: BEGIN in front of its first request, with no Sync between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, InternalError, type PgError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  expect,
  expectAll,
  expectClose,
  handshake,
  type Script,
  send,
} from "../_kit/scripted_server.ts";
import {
  bindComplete,
  commandComplete,
  errorResponse,
  noData,
  parameterDescription,
  parseComplete,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { NEW, opening, quietly, reach, wholeAnswer } from "./hostile.ts";

const asks = (text: string): Script => [expect("Q", (m) => assert.equal(m.text, text))];
const says = (
  tag: string,
  status: string,
): Script => [send(commandComplete(tag), readyForQuery(status))];
const begins = (text: string): Script => [
  expect("P", (m) => assert.equal(m.text, text)),
  expectAll("B", "E"),
];
const BEGUN: Script = [send(parseComplete(), bindComplete(), commandComplete("BEGIN"))];
const refuses = (code: string, status: string): Script => [
  send(errorResponse({ S: "ERROR", V: "ERROR", C: code, M: code }), readyForQuery(status)),
];
const END: Script = [expect("X"), expectClose()];

/** Runs `body` against a server that follows the script, after its handshake and up to a close. */
function scripted(script: Script, body: (db: Connection) => Promise<void>): Promise<void> {
  return quietly([handshake(), script, END], async (server) => {
    const db = await connect(reach(server));
    await body(db);
    assert.equal(db.transactionStatus, "idle");
    await db.close();
  });
}

/** The server answers a query that is no part of the transaction. */
const ALIVE: Script = [NEW, send(...wholeAnswer("alive"))];
async function assertAlive(db: Connection): Promise<void> {
  assert.equal(await db.query("select 'alive'").scalar(), "alive");
}

/** A query whose parameter waits for its description: nothing is sent behind it meanwhile. */
function waitedFor(db: Connection): Promise<unknown> {
  return db.query("delete from t where at < $1", [new Date(0)]).execute();
}
const WAITED_FOR: Script = [
  expectAll("P", "D", "H"),
  send(parseComplete(), parameterDescription([1184]), noData()),
  expectAll("B", "E", "S"),
  send(bindComplete(), commandComplete("DELETE 0"), readyForQuery()),
];

test("transaction: BEGIN with its modes and the first statement are one message to the server", () =>
  scripted([
    begins("begin isolation level serializable, read only"),
    NEW,
    BEGUN,
    send(...opening(), commandComplete("SELECT 0"), readyForQuery("T")),
    asks("commit"),
    says("COMMIT", "I"),
  ], async (db) => {
    const how = { isolation: "serializable", readOnly: true } as const;
    await db.transaction((tx) => tx.query("select 1"), how);
  }));

test("transaction: when BEGIN fails nothing of it is run, and it ends with that error", () =>
  scripted([begins("begin"), NEW, refuses("57014", "I"), ALIVE], async (db) => {
    const second: unknown[] = [];
    const error = await failure(db.transaction(async (tx) => {
      tx.query("select 'behind'").catch((reason) => second.push(reason));
      tx.query("select 'behind'").simple().catch((reason) => second.push(reason));
      await tx.query("select 'never sent'").then(undefined, () => {});
      await tx.query("select 'nor this'");
    }));
    assert.equal((error as PgError).code, "57014");
    assert.deepEqual(second, [error, error]);
    await assertAlive(db);
  }));

test("transaction: when BEGIN fails in front of a copy the copy sends its Sync", () =>
  scripted([
    begins("begin"),
    expectAll("P", "B", "E", "H"),
    send(errorResponse({ S: "ERROR", V: "ERROR", C: "57014", M: "stop" })),
    expect("S"),
    send(readyForQuery("I")),
    ALIVE,
  ], async (db) => {
    const error = await failure(db.transaction((tx) => tx.copyFrom("copy t from stdin", ["1"])));
    assert.equal((error as PgError).code, "57014");
    await assertAlive(db);
  }));

test("transaction: in front of a simple query BEGIN is sent and answered by itself", () =>
  scripted([
    begins("begin"),
    expect("S"),
    BEGUN,
    send(readyForQuery("T")),
    asks("select 1"),
    says("SELECT 1", "T"),
    asks("commit"),
    says("COMMIT", "I"),
  ], async (db) => {
    await db.transaction((tx) => tx.query("select 1").simple());
  }));

test("transaction: queries made before a simple one are sent before it, BEGIN first", () =>
  scripted([
    NEW,
    send(...wholeAnswer("before")),
    begins("begin"),
    NEW,
    BEGUN,
    send(...opening(), commandComplete("SELECT 0"), readyForQuery("T")),
    expect("S"), // while the first waited, it was not known that it would bring the BEGIN
    send(readyForQuery("T")),
    asks("select 2"),
    says("SELECT 1", "T"),
    asks("commit"),
    says("COMMIT", "I"),
  ], async (db) => {
    const before = db.query("select 'before'").execute();
    await db.transaction(async (tx) => {
      const first = tx.query("select 1");
      await Promise.all([first, tx.query("select 2").simple()]);
    });
    await before;
  }));

test("transaction: refused modes of an empty transaction are its error", () =>
  scripted([begins("begin deferrable"), expect("S"), refuses("0A000", "I"), ALIVE], async (db) => {
    const error = await failure(db.transaction(() => 1, { deferrable: true }));
    assert.match(error.message, /0A000/);
    await assertAlive(db);
  }));

test("begin: when it fails the connection is free again", () =>
  scripted([begins("begin"), expect("S"), refuses("57014", "I"), ALIVE], async (db) => {
    assert.equal((await failure(db.begin()) as PgError).code, "57014");
    await assertAlive(db);
  }));

test("transaction: one that is given up before it has asked for anything sends nothing", () =>
  scripted(ALIVE, async (db) => {
    const error = new RangeError("no use");
    const failed = db.transaction(() => {
      throw error;
    });
    assert.equal(await failure(failed), error);
    await assertAlive(db);
  }));

test("transaction: a savepoint that is given up before BEGIN could be sent leaves the transaction alone", () =>
  scripted([
    ...WAITED_FOR,
    begins("begin"),
    expect("S"),
    BEGUN,
    send(readyForQuery("T")),
    asks("savepoint cornac_1"),
    expect("S"), // it did not know yet that BEGIN would be sent by then
    asks("rollback to savepoint cornac_1; release savepoint cornac_1"),
    says("SAVEPOINT", "T"),
    send(readyForQuery("T")),
    says("RELEASE", "T"),
    asks("select 1"),
    says("SELECT 1", "T"),
    asks("commit"),
    says("COMMIT", "I"),
  ], async (db) => {
    const before = waitedFor(db);
    await db.transaction(async (tx) => {
      const failed = tx.savepoint(() => {
        throw new RangeError("no use");
      });
      const error = failure(failed);
      await Promise.resolve();
      assert.equal((await error).message, "no use");
      await tx.query("select 1").simple();
    });
    await before;
  }));

test("transaction: what waits for its turn to be sent is not sent when the transaction is given up", () =>
  scripted([
    ...WAITED_FOR,
    ALIVE,
  ], async (db) => {
    const before = waitedFor(db);
    const given: unknown[] = [];
    const error = new RangeError("no use");
    const failed = db.transaction((tx) => {
      tx.query("select 'not sent'").catch((reason) => given.push(reason));
      throw error;
    });
    assert.equal(await failure(failed), error);
    await before;
    await assertAlive(db);
    assert.match(String(given[0]), /^InterfaceError: this transaction has ended/);
  }));

test("transaction: COMMIT answered by ROLLBACK is an error even for an unknown reason", () =>
  scripted([
    begins("begin"),
    expect("S"),
    BEGUN,
    send(readyForQuery("T")),
    asks("commit"),
    says("ROLLBACK", "I"),
  ], async (db) => {
    const error = await failure(db.transaction(() => 1));
    assert.ok(error instanceof InternalError);
    assert.equal(error.cause, undefined);
  }));
