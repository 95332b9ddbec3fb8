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
  parameterDescription,
  parseComplete,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";

const BEGIN = expect("Q", ({ text }) => assert.equal(text, "begin transaction"));
const BEGUN = send(commandComplete("BEGIN"), readyForQuery("T"));
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

test("dbapi: a text without arguments goes behind BEGIN in the same way", async () => {
  const script = [
    BEGIN,
    expect("Q", ({ text }) => assert.equal(text, "select 1")),
    BEGUN,
    send(ROW[0]!, ROW[2]!, ROW[3]!, readyForQuery("T")),
  ];
  await withScript(script, async (con) => {
    const cursor = await con.cursor().execute("select 1");
    assert.deepEqual(await cursor.fetchall(), [["1"]]);
  });
});

test("dbapi: only the first statement of a transaction brings a BEGIN", async () => {
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

test("dbapi: a statement that fails behind BEGIN is the statement's failure", async () => {
  const script = [BEGIN, STATEMENT, BEGUN, send(REFUSED, readyForQuery("E"))];
  await withScript(script, async (con) => {
    await assert.rejects(con.cursor().execute("select %s", ["1"]), {
      name: "ProgrammingError",
      code: "42P01",
    });
  });
});

test("dbapi: when both fail, BEGIN's failure is told", async () => {
  const script = [
    BEGIN,
    STATEMENT,
    send(CANCELLED, readyForQuery("I")),
    send(REFUSED, readyForQuery("I")),
  ];
  await withScript(script, async (con) => {
    await assert.rejects(con.cursor().execute("select %s", ["1"]), { code: "57014" });
  });
});

test("dbapi: a statement that took effect although BEGIN failed is an error that says so", async () => {
  const script = [
    BEGIN,
    STATEMENT,
    send(CANCELLED, readyForQuery("I")),
    send(...DESCRIBED, readyForQuery("I")),
  ];
  await withScript(script, async (con) => {
    await assert.rejects(con.cursor().execute("select %s", ["1"]), (error) => {
      assert.ok(error instanceof dbapi.InternalError);
      assert.match(error.message, /took effect outside of a transaction/);
      assert.equal((error.cause as dbapi.DatabaseError).code, "57014");
      return true;
    });
  });
});

test("dbapi: an error that is not UTF-8 is told with U+FFFD in it", async () => {
  const latin1 = concat("SERROR\0C42601\0Mna", Uint8Array.of(0xef), "ve\0\0");
  const script = [BEGIN, STATEMENT, BEGUN, send(message("E", latin1), readyForQuery("E"))];
  await withScript(script, async (con) => {
    await assert.rejects(con.cursor().execute("select %s", ["1"]), { message: "na\ufffdve" });
  });
});
