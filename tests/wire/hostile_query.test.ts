import type { Connection } from "../../mod.ts";
import { InternalError, OperationalError, ProtocolError } from "../../mod.ts";
import { close, reset, send } from "../_kit/scripted_server.ts";
import {
  bindComplete,
  commandComplete,
  concat,
  dataRow,
  emptyQueryResponse,
  errorResponse,
  int16,
  int32,
  message,
  noData,
  parameterDescription,
  parseComplete,
  portalSuspended,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { ending, fails, hostile, KNOWN, NEW, opening, wholeAnswer } from "./hostile.ts";

const LOST = fails(OperationalError, /^connection lost: the server closed it/, "08006");
const RESET = fails(OperationalError, /^connection lost: .*(reset|ECONNRESET)/i, "08006");
const violation = (phrase: RegExp) => fails(ProtocolError, phrase, "08P01");
const three = (db: Connection) => [1, 2, 3].map((n) => db.query(`select ${n} as n`));
/** Two rounds of one text, so that the second is a known statement. */
const twice = (db: Connection) => [known(db)];
async function known(db: Connection): Promise<unknown> {
  await db.query("select n");
  return await db.query("select n");
}
const FIRST = [NEW, send(...wholeAnswer("1"))];

hostile([
  {
    name: "closes at once after the query",
    script: [NEW, close()],
    outcomes: [LOST],
    after: "closed",
  },
  {
    name: "closes after each message of an answer but the last",
    script: [NEW, send(...opening(), dataRow(["1"]), commandComplete("SELECT 1")), close()],
    outcomes: [LOST],
    after: "closed",
  },
  {
    name: "closes in the middle of a DataRow",
    script: [NEW, send(...opening(), dataRow(["a long value"]).subarray(0, 9)), close()],
    outcomes: [LOST],
    after: "closed",
  },
  {
    name: "closes in the middle of a header",
    script: [NEW, send(parseComplete(), "D\0"), close()],
    outcomes: [LOST],
    after: "closed",
  },
  {
    name: "resets the connection while a reply is due",
    script: [NEW, send(...opening()), reset()],
    outcomes: [RESET],
    after: "closed",
  },
  {
    name: "says nothing that is known to a query with parameters",
    script: [NEW, send(message("?", int32(0)))],
    ask: (db) => [db.query("select $1", ["a"])],
    outcomes: [violation(/./)],
    after: "closed",
  },
  {
    name: "closes while three are pipelined, after the first was answered",
    script: [NEW, NEW, NEW, send(...wholeAnswer("1")), close()],
    ask: three,
    outcomes: [[{ n: "1" }], LOST, LOST],
    after: "closed",
  },
  {
    name: "resets while three are pipelined",
    script: [NEW, NEW, NEW, reset()],
    ask: three,
    outcomes: [RESET, RESET, RESET],
    after: "closed",
  },
  {
    name: "answers garbage to three pipelined queries",
    script: [NEW, NEW, NEW, send("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ask: three,
    outcomes: Array(3).fill(violation(/CopyOutResponse of 1414811695 bytes is over the limit/)),
    after: "closed",
  },
  {
    name: "claims a message over maxMessageBytes",
    script: [NEW, send(...opening(), message("D", "", 4097))],
    options: { maxMessageBytes: 4096 },
    outcomes: [violation(/DataRow of 4097 bytes is over the limit of 4096 \(maxMessageBytes\)/)],
    after: "closed",
  },
  {
    name: "claims a message of 2 GiB",
    script: [NEW, send(...opening(), message("D", "", 0x7fffffff))],
    outcomes: [violation(/DataRow of 2147483647 bytes is over the limit/)],
    after: "closed",
  },
  {
    name: "claims a length of three",
    script: [NEW, send(message("1", "", 3))],
    outcomes: [violation(/malformed ParseComplete: its length is 3/)],
    after: "closed",
  },
  {
    name: "claims a negative length",
    script: [NEW, send(message("1", "", -1))],
    outcomes: [violation(/malformed ParseComplete: its length is -1/)],
    after: "closed",
  },
  {
    name: "sends a message of an unknown type",
    script: [NEW, send(message("?", "what"))],
    outcomes: [violation(/unknown message 0x3f where ParseComplete was due/)],
    after: "closed",
  },
  {
    name: "sends an unknown message between rows",
    script: [NEW, send(...opening(), dataRow(["1"]), message("~", ""))],
    outcomes: [violation(/unknown message 0x7e where the end of a result was due/)],
    after: "closed",
  },
  {
    name: "sends an unknown message while nothing is asked",
    script: [NEW, send(...wholeAnswer("1"), message("~", ""))],
    ask: (db) => [db.query("select n").then((rows) => db.closed.then(() => rows))],
    outcomes: [[{ n: "1" }]],
    after: "closed",
    reason: /^unknown message 0x7e while nothing was asked$/,
  },
  {
    name: "sends an extra ReadyForQuery",
    script: [NEW, send(...wholeAnswer("1"), readyForQuery())],
    ask: (db) => [db.query("select n").then((rows) => db.closed.then(() => rows))],
    outcomes: [[{ n: "1" }]],
    after: "closed",
    reason: /^ReadyForQuery while nothing was asked$/,
  },
  {
    name: "sends an extra ReadyForQuery between two pipelined answers",
    script: [NEW, NEW, NEW, send(...wholeAnswer("1"), readyForQuery())],
    ask: three,
    outcomes: [
      [{ n: "1" }],
      violation(/ReadyForQuery where ParseComplete was due/),
      violation(/ReadyForQuery where ParseComplete was due/),
    ],
    after: "closed",
  },
  {
    name: "is ready before it has said anything",
    script: [NEW, send(readyForQuery())],
    outcomes: [violation(/ReadyForQuery where ParseComplete was due/)],
    after: "closed",
  },
  {
    name: "is ready before the result is complete",
    script: [NEW, send(...opening(), dataRow(["1"]), readyForQuery())],
    outcomes: [violation(/ReadyForQuery where the end of a result was due/)],
    after: "closed",
  },
  {
    name: "is ready in no state there is",
    script: [NEW, send(...opening(), commandComplete("SELECT 0"), readyForQuery("?"))],
    outcomes: [violation(/malformed ReadyForQuery: status 0x3f/)],
    after: "closed",
  },
  {
    name: "sends a row before BindComplete",
    script: [NEW, send(...opening().slice(0, 3), dataRow(["1"]))],
    outcomes: [violation(/DataRow where BindComplete was due/)],
    after: "closed",
  },
  {
    name: "sends a row before RowDescription",
    script: [NEW, send(parseComplete(), parameterDescription(), dataRow(["1"]))],
    outcomes: [violation(/DataRow where NoData was due/)],
    after: "closed",
  },
  {
    name: "sends a row though it said NoData",
    script: [
      NEW,
      send(parseComplete(), parameterDescription(), noData(), bindComplete(), dataRow(["1"])),
    ],
    outcomes: [violation(/malformed DataRow: 1 columns where 0 were described/)],
    after: "closed",
  },
  {
    name: "sends a row with too many columns",
    script: [NEW, send(...opening(), dataRow(["1", "2"]))],
    outcomes: [violation(/malformed DataRow: 2 columns where 1 were described/)],
    after: "closed",
  },
  {
    name: "sends a row with too few columns",
    script: [NEW, send(...opening("a", "b"), dataRow(["1"]))],
    outcomes: [violation(/malformed DataRow: 1 columns where 2 were described/)],
    after: "closed",
  },
  {
    name: "sends a row with 65,535 columns in two bytes",
    script: [NEW, send(...opening(), message("D", int16(65535)))],
    outcomes: [violation(/malformed DataRow: 65535 columns where 1 were described/)],
    after: "closed",
  },
  {
    name: "sends a value that is longer than its row",
    script: [NEW, send(...opening(), message("D", concat(int16(1), int32(100), "short")))],
    outcomes: [violation(/malformed DataRow: 100 bytes wanted, 5 left/)],
    after: "closed",
  },
  {
    name: "sends a value of a negative length that is not NULL",
    script: [NEW, send(...opening(), message("D", concat(int16(1), int32(-2))))],
    outcomes: [violation(/malformed DataRow: -2 bytes wanted/)],
    after: "closed",
  },
  {
    name: "sends a row with bytes left over",
    script: [NEW, send(...opening(), message("D", concat(int16(1), int32(1), "1", "!")))],
    outcomes: [violation(/malformed DataRow: 1 bytes left over/)],
    after: "closed",
  },
  {
    name: "sends an empty DataRow message",
    script: [NEW, send(...opening(), message("D"))],
    outcomes: [violation(/malformed DataRow: 2 bytes wanted, 0 left/)],
    after: "closed",
  },
  ...[
    {
      name: "a value longer than the row",
      row: message("D", concat(int16(1), int32(9), "1")),
      phrase: /malformed DataRow/,
    },
    {
      name: "a negative length",
      row: message("D", concat(int16(1), int32(-7))),
      phrase: /malformed DataRow/,
    },
    {
      name: "bytes left over",
      row: message("D", concat(int16(1), int32(1), "12")),
      phrase: /malformed DataRow/,
    },
    { name: "no column count", row: message("D", "\0"), phrase: /malformed DataRow/ },
  ].map(({ name, row, phrase }) => ({
    name: `sends a row with ${name} to a compiled decoder`,
    script: [...FIRST, KNOWN, send(bindComplete(), row)],
    ask: twice,
    outcomes: [violation(phrase)],
    after: "closed" as const,
  })),
  {
    name: "completes a command twice",
    script: [NEW, send(...opening(), commandComplete("SELECT 0"), commandComplete("SELECT 0"))],
    outcomes: [violation(/CommandComplete where ReadyForQuery was due/)],
    after: "closed",
  },
  {
    name: "sends a row after CommandComplete",
    script: [NEW, send(...opening(), commandComplete("SELECT 0"), dataRow(["1"]))],
    outcomes: [violation(/DataRow where ReadyForQuery was due/)],
    after: "closed",
  },
  {
    name: "sends a row after ErrorResponse",
    script: [NEW, send(...opening(), errorResponse(), dataRow(["1"]))],
    outcomes: [fails(InternalError, /^scripted error$/)],
    after: "closed",
    reason: /DataRow after ErrorResponse/,
  },
  {
    name: "suspends a portal that was executed without a limit",
    script: [NEW, send(...opening(), dataRow(["1"]), portalSuspended())],
    outcomes: [violation(/PortalSuspended where the end of a result was due/)],
    after: "closed",
  },
  {
    name: "describes more parameters than the message holds",
    script: [NEW, send(parseComplete(), message("t", concat(int16(65535), int32(25))))],
    outcomes: [violation(/malformed ParameterDescription: 65535 items do not fit/)],
    after: "closed",
  },
  {
    name: "describes 65,535 columns in a message that holds one",
    script: [
      NEW,
      send(parseComplete(), parameterDescription()),
      send(message("T", concat(int16(65535), rowDescription(["n"]).subarray(7)))),
    ],
    outcomes: [violation(/malformed RowDescription: 65535 items do not fit/)],
    after: "closed",
  },
  {
    name: "describes a column whose name has no end",
    script: [
      NEW,
      send(parseComplete(), parameterDescription(), message("T", concat(int16(1), "x".repeat(30)))),
    ],
    outcomes: [violation(/malformed RowDescription: a string has no end/)],
    after: "closed",
  },
  {
    name: "says ParseComplete with a body",
    script: [NEW, send(message("1", "!"))],
    outcomes: [violation(/malformed ParseComplete: 1 bytes left over/)],
    after: "closed",
  },
  {
    name: "completes a command whose tag has no end",
    script: [NEW, send(...opening(), message("C", "SELECT 1"))],
    outcomes: [violation(/malformed CommandComplete: a string has no end/)],
    after: "closed",
  },
  {
    name: "completes a command with an unknown tag",
    script: [NEW, send(...opening(), dataRow(["1"]), ...ending("FROBNICATE many"))],
    outcomes: [[{ n: "1" }]],
    after: "usable",
  },
  {
    name: "answers the empty query",
    script: [
      NEW,
      send(parseComplete(), parameterDescription(), noData(), bindComplete()),
      send(emptyQueryResponse(), readyForQuery()),
    ],
    outcomes: [[]],
    after: "usable",
  },
  {
    name: "answers a cached query as if it were new",
    script: [...FIRST, KNOWN, send(...wholeAnswer("2"))],
    ask: twice,
    outcomes: [violation(/ParseComplete where BindComplete was due/)],
    after: "closed",
  },
  {
    name: "sends authentication in place of an answer",
    script: [NEW, send(message("R", int32(3)))],
    outcomes: [violation(/Authentication where ParseComplete was due/)],
    after: "closed",
  },
  {
    name: "sends BackendKeyData in place of a row",
    script: [NEW, send(...opening(), message("K", concat(int32(1), int32(2))))],
    outcomes: [violation(/BackendKeyData where the end of a result was due/)],
    after: "closed",
  },
  {
    name: "sends rows of 200,000 bytes and NULL",
    script: [NEW, send(...opening(), dataRow(["x".repeat(200_000)]), dataRow([null]), ...ending())],
    outcomes: [[{ n: "x".repeat(200_000) }, { n: null }]],
    after: "usable",
  },
]);
