/**
 * Stale statements as a server shows them. Rows with other columns than described are one of them where an
 * earlier request described the statement, and a violation where the same request did.
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
  serve,
} from "../_kit/scripted_server.ts";
import {
  bindComplete,
  closeComplete,
  commandComplete,
  dataRow,
  errorResponse,
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

/**
 * A pooler that keeps statements by their texts: Parse of a text that it knows does not reach the
 * server, whose plan is stale. Source: PgBouncer 1.21, max_prepared_statements.
 */
function staleByText(): Script {
  let isFailed = false;
  return [serve(async ({ tag, statement }, peer) => {
    if (isFailed && tag !== "S") return;
    switch (tag) {
      case "P":
        return await peer.send(opening()[0]!);
      case "D":
        return await peer.send(...opening().slice(1, 3));
      case "B":
        isFailed = statement !== "";
        return await peer.send(...isFailed ? [STALE] : [bindComplete(), dataRow(["1"])]);
      case "C":
        return await peer.send(closeComplete());
      case "E":
        return await peer.send(commandComplete("SELECT 1"));
      case "S":
        isFailed = false;
        return await peer.send(readyForQuery());
    }
  })];
}

const STALE = errorResponse({
  S: "ERROR",
  V: "ERROR",
  C: "0A000",
  M: "cached plan must not change result type",
  R: "RevalidateCachedQuery",
});

test("a pooler's stale plan: all queries that share the Parse are run again, and later ones are right", () =>
  quietly([handshake(), staleByText()], async (server) => {
    const db = await connect(reach(server));
    for (let round = 0; round < 2; round++) {
      const all = await Promise.all(Array.from({ length: 5 }, () => db.query(TEXT)));
      assert.deepEqual(all.map((rows) => [...rows]), Array(5).fill([{ n: "1" }]));
      const batch = await db.batch([{ text: TEXT }, { text: TEXT }]);
      assert.deepEqual(batch.map((rows) => [...rows]), Array(2).fill([{ n: "1" }]));
      assert.deepEqual([...await db.executeMany(TEXT, [[]])], [{ n: "1" }]);
    }
    const named = server.received.filter(({ tag, statement }) => tag === "P" && statement !== "");
    assert.equal(named.length, 1, "the text is not given a name again");
    await db.close();
  }));

test("a pooler's unnamed statement that is stale once: the query is run again", () =>
  quietly([
    handshake(),
    NEW,
    send(...opening().slice(0, 3), STALE, readyForQuery()),
    NEW,
    send(...wholeAnswer("1")),
    expect("X"),
    expectClose(),
  ], async (server) => {
    const db = await connect(reach(server, { statementCacheSize: 0 }));
    assert.deepEqual([...await db.query(TEXT)], [{ n: "1" }]);
    await db.close();
  }));
