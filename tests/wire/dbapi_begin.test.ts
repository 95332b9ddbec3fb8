import assert from "node:assert/strict";
import { test } from "node:test";
import * as dbapi from "../../src/dbapi/dbapi.ts";
import {
  expect,
  expectAll,
  expectClose,
  handshake,
  type Script,
  send,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  bindComplete,
  commandComplete,
  concat,
  dataRow,
  errorResponse,
  message,
  noData,
  parameterDescription,
  parseComplete,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";

/** Without a Sync: what follows is skipped should it fail. */
const BEGIN: Script = [
  expect("P", ({ text }) => assert.equal(text, "begin")),
  expectAll("B", "E"),
];
const BEGUN = send(parseComplete(), bindComplete(), commandComplete("BEGIN"));
const STATEMENT = expectAll("P", "D", "B", "E", "S");
const ROW = [rowDescription(["n"]), bindComplete(), dataRow(["1"]), commandComplete("SELECT 1")];
const DESCRIBED = [parseComplete(), parameterDescription([25]), ...ROW];
const CANCELLED = errorResponse({ C: "57014", M: "canceling statement due to user request" });
const REFUSED = errorResponse({ C: "42P01", M: "no such table" });

async function withScript(
  script: Script,
  work: (con: dbapi.Connection) => Promise<void>,
): Promise<void> {
  await withServer([handshake(), script, expectClose()], async ({ host, port }) => {
    const con = await dbapi.connect({ host, port, user: "u", sslMode: "disable" });
    await work(con);
    await con.close();
  });
}

test("dbapi: BEGIN and the first statement are sent before either is answered", async () => {
  const script = [
    BEGIN,
    STATEMENT,
    BEGUN,
    send(...DESCRIBED, readyForQuery("T")),
    expect("Q", ({ text }) => assert.equal(text, "commit")),
    send(commandComplete("COMMIT"), readyForQuery("I")),
  ];
  await withScript(script, async (con) => {
    const cursor = await con.cursor().execute("select %s", ["1"]);
    assert.deepEqual(await cursor.fetchall(), [["1"]]);
    await con.commit();
  });
});

test("dbapi: a statement without arguments goes behind BEGIN in the same way", async () => {
  const script = [BEGIN, STATEMENT, BEGUN, send(...DESCRIBED, readyForQuery("T"))];
  await withScript(script, async (con) => {
    const cursor = await con.cursor().execute("select 1");
    assert.deepEqual(await cursor.fetchall(), [["1"]]);
  });
});

for (const text of ["select 1; select 2", "select '$1'", "copy (select 1) to program 'x'"]) {
  test(`dbapi: ${text} is a simple query, which waits for BEGIN`, async () => {
    const script = [
      BEGIN,
      expect("S"),
      BEGUN,
      send(readyForQuery("T")),
      expect("Q", (message) => assert.equal(message.text, text)),
      send(commandComplete("COPY 1"), readyForQuery("T")),
    ];
    await withScript(script, async (con) => void await con.cursor().execute(text));
  });
}

test("dbapi: executemany has BEGIN in front of its Parse", async () => {
  const script = [
    BEGIN,
    expectAll("P", "D", "S"),
    BEGUN,
    send(parseComplete(), parameterDescription([25]), noData(), readyForQuery("T")),
    expectAll("B", "E", "B", "E", "S"),
    send(bindComplete(), commandComplete("INSERT 0 1")),
    send(bindComplete(), commandComplete("INSERT 0 1"), readyForQuery("T")),
  ];
  await withScript(script, async (con) => {
    const cursor = await con.cursor().executemany("insert into t values (%s)", [["1"], ["2"]]);
    assert.equal(cursor.rowcount, 2);
  });
});

test("dbapi: only the first statement of a transaction has BEGIN in front", async () => {
  const script = [
    BEGIN,
    STATEMENT,
    BEGUN,
    send(...DESCRIBED, readyForQuery("T")),
    expectAll("B", "E", "S"),
    send(...ROW.slice(1), readyForQuery("T")),
  ];
  await withScript(script, async (con) => {
    const [one, other] = [con.cursor(), con.cursor()];
    await Promise.all([one.execute("select %s", ["1"]), other.execute("select %s", ["1"])]);
    assert.deepEqual(await other.fetchall(), [["1"]]);
  });
});

test("dbapi: with autocommit on no BEGIN is sent", async () => {
  const script = [STATEMENT, send(...DESCRIBED, readyForQuery("I"))];
  await withScript(script, async (con) => {
    con.autocommit = true;
    const cursor = await con.cursor().execute("select %s", ["1"]);
    assert.deepEqual(await cursor.fetchall(), [["1"]]);
  });
});

test("dbapi: a statement that fails behind BEGIN rejects with its own error", async () => {
  const script = [BEGIN, STATEMENT, BEGUN, send(REFUSED, readyForQuery("E"))];
  await withScript(script, async (con) => {
    await assert.rejects(con.cursor().execute("select %s", ["1"]), {
      name: "ProgrammingError",
      code: "42P01",
    });
  });
});

test("dbapi: when BEGIN fails the statement is skipped, and the next one begins again", async () => {
  const script = [
    BEGIN,
    STATEMENT,
    send(CANCELLED, readyForQuery("I")),
    BEGIN,
    STATEMENT,
    BEGUN,
    send(...DESCRIBED, readyForQuery("T")),
  ];
  await withScript(script, async (con) => {
    await assert.rejects(con.cursor().execute("select %s", ["1"]), { code: "57014" });
    const cursor = await con.cursor().execute("select %s", ["1"]);
    assert.deepEqual(await cursor.fetchall(), [["1"]]);
  });
});

test("dbapi: when BEGIN fails in front of several statements none is sent", async () => {
  const script = [
    BEGIN,
    expect("S"),
    send(CANCELLED, readyForQuery("I")),
    BEGIN,
    expect("S"),
    BEGUN,
    send(readyForQuery("T")),
    expect("Q"),
    send(commandComplete("SELECT 1"), readyForQuery("T")),
  ];
  await withScript(script, async (con) => {
    const text = "select 1; select 2";
    await assert.rejects(con.cursor().execute(text), { code: "57014" });
    await con.cursor().execute(text);
  });
});

test("dbapi: an error that is not UTF-8 contains U+FFFD", async () => {
  const latin1 = concat("SERROR\0C42601\0Mna", Uint8Array.of(0xef), "ve\0\0");
  const script = [BEGIN, STATEMENT, BEGUN, send(message("E", latin1), readyForQuery("E"))];
  await withScript(script, async (con) => {
    await assert.rejects(con.cursor().execute("select %s", ["1"]), { message: "na\ufffdve" });
  });
});
