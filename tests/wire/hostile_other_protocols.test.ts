import { type Connection, InterfaceError, ProtocolError } from "../../mod.ts";
import { expect, expectAll, send, together } from "../_kit/scripted_server.ts";
import {
  bindComplete,
  commandComplete,
  copyBothResponse,
  copyInResponse,
  copyOutResponse,
  dataRow,
  errorResponse,
  message,
  noData,
  parseComplete,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { ending, fails, hostile, NEW, opening, wholeAnswer } from "./hostile.ts";

const violation = (phrase: RegExp) => fails(ProtocolError, phrase, "08P01");
const three = (db: Connection) => [1, 2, 3].map((n) => db.query(`select ${n} as n`));
const simple = (db: Connection) => [db.query("select 1").simple()];

hostile([
  {
    name: "answers an ordinary query with CopyInResponse",
    // deno-fmt-ignore
    script: [
      NEW, send(...opening().slice(0, 2), noData(), bindComplete(), copyInResponse()),
      ...expectAll("f", "S"),
      send(errorResponse({ C: "57014", M: "COPY failed" }), readyForQuery()),
    ],
    outcomes: [fails(InterfaceError, /COPY cannot be run as a query/)],
    after: "usable",
  },
  {
    name: "answers an ordinary query with CopyOutResponse",
    script: [
      NEW,
      send(...opening().slice(0, 2), noData(), bindComplete(), copyOutResponse()),
      send(message("d", "1\n"), message("c"), ...ending("COPY 1")),
    ],
    outcomes: [fails(InterfaceError, /COPY cannot be run as a query/)],
    after: "usable",
  },
  {
    name: "answers an ordinary query with CopyBothResponse",
    script: [NEW, send(...opening().slice(0, 2), noData(), bindComplete(), copyBothResponse())],
    outcomes: [violation(/COPY cannot be run as a query/)],
    after: "closed",
  },
  {
    name: "answers CopyInResponse while others are pipelined, whose bytes it takes for data",
    // deno-fmt-ignore
    script: [
      NEW, NEW, NEW,
      send(...opening().slice(0, 2), noData(), bindComplete(), copyInResponse()),
    ],
    ask: three,
    outcomes: Array(3).fill(violation(/COPY cannot be run as a query/)),
    after: "closed",
  },
  {
    name: "glues the answers to three queries together",
    script: [NEW, NEW, NEW, send(together(...["1", "2", "3"].flatMap(wholeAnswer)))],
    ask: three,
    outcomes: [[{ n: "1" }], [{ n: "2" }], [{ n: "3" }]],
    after: "usable",
  },
  {
    name: "answers a simple query with ReadyForQuery alone",
    script: [expect("Q"), send(readyForQuery())],
    ask: simple,
    outcomes: [violation(/ReadyForQuery/)],
    after: "closed",
  },
  {
    name: "describes rows to a simple query and is ready without completing it",
    script: [expect("Q"), send(rowDescription(["n"]), readyForQuery())],
    ask: simple,
    outcomes: [violation(/ReadyForQuery/)],
    after: "closed",
  },
  {
    name: "describes rows twice to a simple query and ends it without a tag",
    // deno-fmt-ignore
    script: [
      expect("Q"),
      send(rowDescription(["n"]), dataRow(["1"]), rowDescription(["m"]), readyForQuery()),
    ],
    ask: simple,
    outcomes: [violation(/ReadyForQuery in the answer to a simple query/)],
    after: "closed",
  },
  {
    name: "sends a row to a simple query before describing any",
    script: [expect("Q"), send(dataRow(["1"]))],
    ask: simple,
    outcomes: [violation(/DataRow in the answer to a simple query/)],
    after: "closed",
  },
  {
    name: "answers a simple query with the extended protocol",
    script: [expect("Q"), send(parseComplete())],
    ask: simple,
    outcomes: [violation(/ParseComplete in the answer to a simple query/)],
    after: "closed",
  },
  {
    name: "begins COPY IN for a simple query",
    script: [
      expect("Q"),
      send(copyInResponse()),
      expect("f"),
      send(errorResponse({ C: "57014" }), readyForQuery()),
    ],
    ask: simple,
    outcomes: [fails(InterfaceError, /COPY cannot be run as a query/)],
    after: "usable",
  },
  {
    name: "streams both ways for a simple query",
    script: [
      expect("Q"),
      send(copyBothResponse(), message("d", "k"), message("d", "w")),
      expect("c"),
      send(message("c"), commandComplete("COPY 0"), commandComplete("START_REPLICATION")),
      send(readyForQuery()),
    ],
    ask: simple,
    outcomes: [fails(InterfaceError, /START_REPLICATION cannot be run as a query; use connectRep/)],
    after: "usable",
  },
  {
    name: "streams both ways for a simple query with another one behind",
    script: [expect("Q"), expect("Q"), send(copyBothResponse())],
    ask: (db) => [db.query("select 1").simple(), db.query("select 2").simple()],
    outcomes: Array(2).fill(violation(/COPY cannot be run as a query/)),
    after: "closed",
  },
]);
