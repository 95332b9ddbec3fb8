import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, OperationalError, ProtocolError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  close,
  expect,
  expectAll,
  expectClose,
  handshake,
  reset,
  type Script,
  send,
  wait,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  bindComplete,
  closeComplete,
  commandComplete,
  dataRow,
  errorResponse,
  noData,
  parameterDescription,
  parseComplete,
  portalSuspended,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import {
  assertClosed,
  assertFailure,
  fails,
  KNOWN,
  opening,
  quietly,
  reach,
  wholeAnswer,
} from "./hostile.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

const DESCRIBED: Script = [
  expectAll("P", "D", "S"),
  send(
    parseComplete(),
    parameterDescription(),
    rowDescription([{ name: "n", typeOid: 25 }]),
    readyForQuery(),
  ),
];
const OPENED: Script = [handshake(), DESCRIBED, expectAll("B", "E", "H")];
const row = dataRow(["x"]);
/** One column of five bytes of which only one follows. */
const CUT = Uint8Array.of(0x44, 0, 0, 0, 11, 0, 1, 0, 0, 0, 5, 0x78);
const FAILED = errorResponse({ S: "ERROR", V: "ERROR", C: "22012", M: "no" });

/** The replies to Bind, the reader's outcome, and whether the connection survives. */
interface Case {
  readonly name: string;
  readonly script: Script;
  readonly rows: number;
  readonly failure?: ReturnType<typeof fails>;
  readonly closes?: true;
}

const CASES: readonly Case[] = [
  {
    name: "two pieces, the second asked for before the first is read",
    script: [
      send(bindComplete(), row, row, portalSuspended()),
      expectAll("E", "H"),
      send(row, commandComplete("SELECT 3")),
      expect("S"),
      send(readyForQuery()),
    ],
    rows: 3,
  },
  {
    name: "a last piece without rows",
    script: [
      send(bindComplete(), row, portalSuspended()),
      expectAll("E", "H"),
      send(commandComplete("SELECT 0")),
      expect("S"),
      send(readyForQuery()),
    ],
    rows: 1,
  },
  {
    name: "an error instead of the second piece",
    script: [
      send(bindComplete(), row, portalSuspended()),
      expectAll("E", "H"),
      send(FAILED),
      expect("S"),
      send(readyForQuery()),
    ],
    rows: 1,
    failure: fails(Error, /no/, "22012"),
  },
  {
    name: "an error instead of BindComplete",
    script: [send(FAILED), expect("S"), send(readyForQuery())],
    rows: 0,
    failure: fails(Error, /no/, "22012"),
  },
  {
    name: "a row for BindComplete",
    script: [send(row)],
    rows: 0,
    failure: fails(ProtocolError, /DataRow where BindComplete was due/, "08P01"),
    closes: true,
  },
  {
    name: "NoData among the rows",
    script: [send(bindComplete(), row, noData())],
    rows: 0,
    failure: fails(ProtocolError, /NoData where the end of a result was due/, "08P01"),
    closes: true,
  },
  {
    name: "ReadyForQuery among the rows",
    script: [send(bindComplete(), row, readyForQuery())],
    rows: 0,
    failure: fails(ProtocolError, /ReadyForQuery where/, "08P01"),
    closes: true,
  },
  {
    name: "the end of the connection in the middle",
    script: [send(bindComplete(), row, portalSuspended()), expectAll("E", "H"), send(row), close()],
    rows: 1,
    failure: fails(OperationalError, /connection lost/, "08006"),
    closes: true,
  },
  {
    name: "a row whose value claims more than the row has",
    script: [send(bindComplete(), row, CUT, portalSuspended()), expectClose()],
    rows: 0,
    failure: fails(ProtocolError, /^malformed DataRow: .*(does not fit|wanted)/, "08P01"),
    closes: true,
  },
  {
    name: "a reset in the middle",
    script: [send(bindComplete(), row, portalSuspended()), expectAll("E", "H"), reset()],
    rows: 1,
    failure: fails(OperationalError, /connection lost/, "08006"),
    closes: true,
  },
];

for (const { name, script, rows, failure: expected, closes } of CASES) {
  const alive: Script = [
    expectAll("B", "E", "S"),
    send(bindComplete(), row, commandComplete("SELECT 1"), readyForQuery()),
  ];
  const end: Script = closes ? [expectClose()] : [alive, expect("X"), expectClose()];
  test(`stream from a server that sends ${name}`, () =>
    quietly([OPENED, script, end], async (server) => {
      const db = await connect(reach(server));
      let seen = 0;
      const read = async (): Promise<void> => {
        for await (const _ of db.query("select n").batches(2)) seen += _.length;
      };
      if (expected === undefined) await read();
      else {
        const error = await failure(read());
        assert.match(error.message, expected.phrase);
        assert.equal((error as OperationalError).code, expected.code);
        if (closes) assertFailure(error, expected);
      }
      assert.equal(seen, rows);
      if (closes) return await assertClosed(db);
      assert.deepEqual([...await db.query("select n")], [{ n: "x" }]);
      await db.close();
    }));
}

test("stream: leaving it closes the portal, sends Sync, and asks for nothing more", () =>
  quietly([
    OPENED,
    send(bindComplete(), row, row, portalSuspended()),
    expectAll("E", "H"),
    send(row, row, portalSuspended()),
    expectAll("C", "S"),
    send(closeComplete(), readyForQuery()),
    KNOWN,
    send(bindComplete(), row, commandComplete("SELECT 1"), readyForQuery()),
    expect("X"),
    expectClose(),
  ], async (server) => {
    const db = await connect(reach(server));
    for await (const _ of db.query("select n").batches(2)) break;
    assert.deepEqual([...await db.query("select n")], [{ n: "x" }]);
    await db.close();
  }));

test("stream: a statement without a name is parsed in the same flush as it is bound", () =>
  quietly([
    handshake(),
    DESCRIBED,
    expectAll("P", "D", "B", "E", "H"),
    send(...opening(), row, commandComplete("SELECT 1")),
    expect("S"),
    send(readyForQuery()),
    expectAll("P", "D", "B", "E", "S"),
    send(...wholeAnswer("alive")),
    expect("X"),
    expectClose(),
  ], async (server) => {
    const db = await connect(reach(server, { statementCacheSize: 0 }));
    const rows: unknown[] = [];
    for await (const one of db.query("select n")) rows.push(one);
    assert.deepEqual(rows, [{ n: "x" }]);
    assert.deepEqual([...await db.query("select n")], [{ n: "alive" }]);
    await db.close();
  }));

/** A delay longer than the driver's patience with unwanted rows. */
const LONG = 0.3;

for (
  const [what, rest] of [
    ["read to its end", [
      send(bindComplete(), row, commandComplete("SELECT 1")),
      expect("S"),
      wait(LONG),
      send(readyForQuery()),
    ]],
    ["left", [
      send(bindComplete(), row, portalSuspended()),
      expectAll("E", "H"),
      send(row, portalSuspended()),
      expectAll("C", "S"),
      wait(LONG),
      send(closeComplete(), readyForQuery()),
    ]],
  ] satisfies [string, Script][]
) {
  test(`stream: one that was ${what} is not cancelled, even if the answer to its Sync is late`, () =>
    withoutUnhandled(() =>
      withServer([OPENED, rest, expect("X"), expectClose()], async (server) => {
        const db = await connect(reach(server));
        for await (const _ of db.query("select n").batches(1)) if (what === "left") break;
        await db.close();
        assert.equal(server.peers.length, 1, "a cancel has a connection of its own");
      })
    ));
}
