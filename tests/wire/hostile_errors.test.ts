import {
  type Connection,
  DatabaseError,
  DataError,
  InternalError,
  OperationalError,
  ProgrammingError,
  ProtocolError,
} from "../../mod.ts";
import {
  call,
  close,
  expect,
  expectAll,
  expectClose,
  reset,
  send,
} from "../_kit/scripted_server.ts";
import {
  bindComplete,
  closeComplete,
  commandComplete,
  cstring,
  dataRow,
  errorResponse,
  message,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { ending, fails, hostile, KNOWN, NEW, opening, wholeAnswer } from "./hostile.ts";

const violation = (phrase: RegExp) => fails(ProtocolError, phrase, "08P01");
const three = (db: Connection) => [1, 2, 3].map((n) => db.query(`select ${n} as n`));
const twins = (db: Connection) => [1, 2, 3].map(() => db.query("select n"));
const FATAL = errorResponse({ S: "FATAL", V: "FATAL", C: "57P01", M: "terminating connection" });
const NO_STATEMENT = errorResponse({ C: "26000", M: "prepared statement does not exist" });
/** The outcomes of three queries when the server answers the first and dies at the second. */
const DIED_AT_THE_SECOND = {
  outcomes: [
    [{ n: "1" }],
    fails(OperationalError, /^terminating connection$/, "57P01"),
    fails(OperationalError, /^connection lost: terminating connection$/, "57P01"),
  ],
  after: "closed",
  reason: /^connection lost: terminating connection$/,
} as const;
const INT4 = { name: "n", typeOid: 23 };

hostile([
  {
    name: "reports two errors for one query",
    script: [NEW, send(errorResponse({ C: "22012" }), errorResponse({ C: "22012" }))],
    outcomes: [fails(DataError, /^scripted error$/)],
    after: "closed",
    reason: /ErrorResponse while nothing was asked/,
  },
  {
    name: "reports an error after CommandComplete, as a deferred constraint does",
    script: [
      NEW,
      send(...opening(), commandComplete("INSERT 0 1"), errorResponse({ C: "XX000", M: "late" })),
      send(readyForQuery()),
    ],
    outcomes: [fails(InternalError, /^late$/, "XX000")],
    after: "usable",
  },
  {
    name: "reports an error while nothing is asked",
    script: [NEW, send(...wholeAnswer("1"), errorResponse({ M: "out of the blue" }))],
    ask: (db) => [db.query("select n").then((rows) => db.closed.then(() => rows))],
    outcomes: [[{ n: "1" }]],
    after: "closed",
    reason: /^ErrorResponse while nothing was asked$/,
  },
  {
    name: "reports an error without any field",
    script: [NEW, send(message("E", "\0"), readyForQuery())],
    outcomes: [fails(DatabaseError, /^the server reported an error without a message$/)],
    after: "usable",
  },
  {
    name: "reports an error whose fields have no end",
    script: [NEW, send(message("E", "SERROR"))],
    outcomes: [violation(/malformed ErrorResponse: a string has no end/)],
    after: "closed",
  },
  {
    name: "reports an error whose list of fields has no end",
    script: [NEW, send(message("E", cstring("SERROR")))],
    outcomes: [violation(/malformed ErrorResponse: 1 bytes wanted, 0 left/)],
    after: "closed",
  },
  {
    name: "ends the session while nothing is asked, and says why",
    script: [NEW, send(...wholeAnswer("1"), FATAL), close()],
    ask: (db) => [db.query("select n").then((rows) => db.closed.then(() => rows))],
    outcomes: [[{ n: "1" }]],
    after: "closed",
    reason: /^connection lost: terminating connection$/,
  },
  {
    name: "ends the session while three are pipelined, and says why",
    script: [NEW, NEW, NEW, send(...wholeAnswer("1"), FATAL), close()],
    ask: three,
    ...DIED_AT_THE_SECOND,
  },
  {
    name: "says that it ends the session, and then does not",
    script: [NEW, NEW, NEW, send(...wholeAnswer("1"), FATAL), expectClose()],
    ask: three,
    ...DIED_AT_THE_SECOND,
  },
  {
    name: "says why it ends the session and resets it",
    script: [NEW, send(...opening(), FATAL), call("pause", (peer) => peer.wait(0.02)), reset()],
    outcomes: [fails(OperationalError, /^terminating connection$/, "57P01")],
    after: "closed",
    reason: /^connection lost: terminating connection$/,
  },
  {
    name: "fails the first of three pipelined queries and no other",
    // deno-fmt-ignore
    script: [
      NEW, NEW, NEW,
      send(errorResponse({ C: "42601", M: "syntax error" }), readyForQuery()),
      send(...wholeAnswer("2"), ...wholeAnswer("3")),
    ],
    ask: three,
    outcomes: [fails(ProgrammingError, /^syntax error$/, "42601"), [{ n: "2" }], [{ n: "3" }]],
    after: "usable",
  },
  {
    name: "refuses the text of three twins, of which the last is then right",
    // deno-fmt-ignore
    script: [
      NEW, KNOWN, KNOWN,
      send(errorResponse({ C: "42P01", M: "no such table" }), readyForQuery()),
      send(NO_STATEMENT, readyForQuery()), send(NO_STATEMENT, readyForQuery()),
      ...expectAll("P", "D", "B", "E", "S", "P", "D", "B", "E", "S"),
      send(errorResponse({ C: "42P01", M: "still no such table" }), readyForQuery()),
      send(...wholeAnswer("by now")),
    ],
    ask: twins,
    outcomes: [
      fails(ProgrammingError, /^no such table$/, "42P01"),
      fails(ProgrammingError, /^still no such table$/, "42P01"),
      [{ n: "by now" }],
    ],
    after: "usable",
  },
  {
    name: "refuses the text of twins with another query behind, which are not sent again",
    // deno-fmt-ignore
    script: [
      NEW, KNOWN, KNOWN, NEW,
      send(errorResponse({ C: "42P01", M: "no such table" }), readyForQuery()),
      send(NO_STATEMENT, readyForQuery()), send(NO_STATEMENT, readyForQuery()),
      send(...wholeAnswer("other")),
    ],
    ask: (db) => [...twins(db), db.query("select other")],
    outcomes: [
      ...[1, 2, 3].map(() => fails(ProgrammingError, /^no such table$/, "42P01")),
      [{ n: "other" }],
    ],
    after: "usable",
  },
  {
    name: "fails the Parse of three twins for want of memory, of which the last is then right",
    // deno-fmt-ignore
    script: [
      NEW, KNOWN, KNOWN,
      send(errorResponse({ C: "53200", M: "out of memory" }), readyForQuery()),
      send(NO_STATEMENT, readyForQuery()), send(NO_STATEMENT, readyForQuery()),
      ...expectAll("P", "D", "B", "E", "S", "P", "D", "B", "E", "S"),
      send(errorResponse({ C: "53200", M: "still out of memory" }), readyForQuery()),
      send(...wholeAnswer("by now")),
    ],
    ask: twins,
    outcomes: [
      fails(OperationalError, /^out of memory$/, "53200"),
      fails(OperationalError, /^still out of memory$/, "53200"),
      [{ n: "by now" }],
    ],
    after: "usable",
  },
  {
    name: "fails the Execute of the first of three twins and answers the others",
    // deno-fmt-ignore
    script: [
      NEW, KNOWN, KNOWN,
      send(...opening(), errorResponse({ C: "22012", M: "division by zero" }), readyForQuery()),
      send(
        bindComplete(),
        dataRow(["2"]),
        ...ending(),
        bindComplete(),
        dataRow(["3"]),
        ...ending(),
      ),
    ],
    ask: twins,
    outcomes: [fails(DataError, /^division by zero$/, "22012"), [{ n: "2" }], [{ n: "3" }]],
    after: "usable",
  },
  {
    name: "loses a cached statement and says so",
    script: [NEW, send(...wholeAnswer("1")), KNOWN, send(NO_STATEMENT, readyForQuery())],
    ask: (db) => [db.query("select n").then(() => db.query("select n"))],
    outcomes: [fails(ProgrammingError, /prepared statement does not exist/, "26000")],
    after: "usable",
  },
  {
    name: "sends text that is no number for an int4, which fails that query alone",
    // deno-fmt-ignore
    script: [
      NEW,
      NEW, send(...opening(INT4), dataRow(["x"]), dataRow(["1"]), ...ending()),
      send(...wholeAnswer("2")),
    ],
    ask: (db) => three(db).slice(1),
    outcomes: [fails(DataError, /^column "n" \(int4\): /), [{ n: "2" }]],
    after: "usable",
  },
  {
    name: "sends three bytes for a binary int4, which fails that query alone",
    // deno-fmt-ignore
    script: [
      NEW, send(...opening(INT4), dataRow(["1"]), ...ending()),
      KNOWN, KNOWN, send(bindComplete(), dataRow(["\0\0\0"]), ...ending()),
      send(bindComplete(), dataRow(["\0\0\0\x07"]), ...ending()),
    ],
    ask: (db) => {
      const first = db.query("select n").execute();
      const later = first.then(() => twins(db).slice(1).map((query) => query.execute()));
      return [first, later.then((two) => two[0]), later.then((two) => two[1])];
    },
    outcomes: [
      [{ n: 1 }],
      fails(DataError, /^column "n" \(int4\): malformed int4: 3 bytes instead of 4/),
      [{
        n: 7,
      }],
    ],
    after: "usable",
  },
  ...([["Close", []], ["Parse", [closeComplete()]]] as const).map(([what, before]) => ({
    name: `fails the ${what} of a query that waits for its description, which still ends in a Sync`,
    // deno-fmt-ignore
    script: [
      NEW, send(...wholeAnswer("1")), expectAll("C", "P", "D", "H"),
      send(...before, errorResponse({ C: "53200", M: "out of memory" })), expect("S"),
      send(readyForQuery()),
    ],
    ask: (db: Connection) => [
      db.query("select n").then(() => db.query("select $1::int[] as n", [[1, 2]])),
    ],
    options: { statementCacheSize: 1 },
    outcomes: [fails(OperationalError, /^out of memory$/, "53200")],
    after: "usable" as const,
  })),
]);
