/**
 * Rows with other columns than described: a stale statement where an earlier request described it, a
 * violation where this one did.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, DataError, ProtocolError } from "../../mod.ts";
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
  closeComplete,
  commandComplete,
  dataRow,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { assertClosed, NEW, opening, quietly, reach, wholeAnswer } from "./hostile.ts";

const WIDE = dataRow(["x", "y"]);
const TEXT = "select n";

interface Way {
  run(db: Connection): PromiseLike<unknown>;
  /** The messages of a run with a kept statement, and what the server answers to them. */
  readonly script: Script;
}

const ANSWER = send(bindComplete(), WIDE, commandComplete("SELECT 1"), readyForQuery());
const WAYS: Readonly<Record<string, Way>> = {
  query: { run: (db) => db.query(TEXT), script: [expectAll("B", "E", "S"), ANSWER] },
  batch: { run: (db) => db.batch([{ text: TEXT }]), script: [expectAll("B", "E", "S"), ANSWER] },
  executeMany: {
    run: (db) => db.executeMany(TEXT, [[]]),
    script: [expectAll("B", "E", "S"), ANSWER],
  },
  stream: {
    run: (db) => db.query(TEXT).batches(2).next(),
    script: [
      expectAll("B", "E", "H"),
      send(bindComplete(), WIDE, commandComplete("SELECT 1")),
      expect("S"),
      send(readyForQuery()),
    ],
  },
};

for (const [how, { run, script }] of Object.entries(WAYS)) {
  test(`a kept statement, by ${how}: a row of another width fails the query and nothing else`, () =>
    quietly([
      handshake(),
      NEW,
      send(...wholeAnswer("1")),
      script,
      expectAll("C", "P", "D", "B", "E", "S"),
      send(closeComplete(), ...opening("n", "m"), dataRow(["a", "b"]), commandComplete("SELECT 1")),
      send(readyForQuery()),
      expect("X"),
      expectClose(),
    ], async (server) => {
      const db = await connect(reach(server));
      await db.query(TEXT);
      const error = await failure(run(db), DataError);
      assert.match(error.message, /2 columns where 1 were described; the statement is stale/);
      assert.deepEqual([...await db.query(TEXT)], [{ n: "a", m: "b" }]);
      await db.close();
    }));
}

test("a statement that was described just now: a row of another width ends the connection", () =>
  quietly([handshake(), NEW, send(...opening(), WIDE), expectClose()], async (server) => {
    const db = await connect(reach(server));
    const error = await failure(db.query(TEXT), ProtocolError);
    assert.match(error.message, /2 columns where 1 were described/);
    await assertClosed(db);
  }));
