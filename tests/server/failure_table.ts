/**
 * What becomes of an operation when something goes wrong: the table in FAILURES.md, which
 * failures.test.ts holds every runtime to, cell by cell.
 *
 * An outcome says what the operation comes to and what the connection is then, with a comma between:
 *
 * - `OperationalError 57014`: it rejects with an error of exactly this class and code;
 * - `the reason`: it rejects with the signal's reason, the very object;
 * - `its own`: it rejects with what its source, its reader or its callback has thrown, the very object;
 * - `its result`: it has succeeded.
 * - `usable`: the same connection goes on, idle, and nothing of the operation has had any effect;
 * - `closed`: the connection is over: `closed` has resolved, and a query is refused with the cause.
 *
 * A cell that begins with a dash does not exist, for the reason behind it.
 */

/** What goes wrong: its title, what is done, and what usually comes of it. */
export const FAULTS = {
  refused: {
    title: "the server refuses it",
    how: "a division by zero, a bad row, a table or an object that is not there",
    usual: "DataError 22012, usable",
  },
  throws: {
    title: "its source or reader throws",
    how: "on the way: the iterable of a copy, the body of a loop, a transaction's callback",
    usual: "its own, usable",
  },
  before: {
    title: "aborted before",
    how: "`signal` has aborted already; nothing is sent",
    usual: "the reason, usable",
  },
  during: {
    title: "aborted on the way",
    how: "`signal` aborts while the server is at it",
    usual: "the reason, usable",
  },
  after: {
    title: "aborted afterwards",
    how: "`signal` aborts when it is done; nothing is sent",
    usual: "its result, usable",
  },
  late: {
    title: "its time is over",
    how: "the option `timeout`",
    usual: "OperationalError 57014, usable",
  },
  cancelled: {
    title: "`db.cancel()`",
    how: "while the server is at it",
    usual: "OperationalError 57014, usable",
  },
  terminated: {
    title: "the backend is terminated",
    how: "`pg_terminate_backend()` while it is at it",
    usual: "OperationalError 57P01, closed",
  },
  reset: {
    title: "connection reset",
    how: "RST while the server is at it",
    usual: "OperationalError 08006, closed",
  },
  ended: {
    title: "connection ended",
    how: "FIN while the server is at it",
    usual: "OperationalError 08006, closed",
  },
  silence: {
    title: "silence",
    how: "nothing comes any more, for as long as the connection's `timeout`",
    usual: "OperationalError 08006, closed",
  },
  garbage: {
    title: "an unknown message",
    how: "the first byte of the first reply is inverted",
    usual: "ProtocolError 08P01, closed",
  },
  broken: {
    title: "a broken length",
    how: "the first byte of the first reply's length is inverted",
    usual: "ProtocolError 08P01, closed",
  },
} as const;

export type FaultName = keyof typeof FAULTS;

/** The operations' names, in order. */
export type OperationName =
  | "query"
  | "simple"
  | "prepared"
  | "prepare"
  | "stream"
  | "batch"
  | "executeMany"
  | "copyFrom"
  | "copyTo"
  | "copyRowsFrom"
  | "copyRowsTo"
  | "transaction"
  | "begin"
  | "largeObject"
  | "largeObjectCall"
  | "listen";

/** One operation. */
export interface Row {
  readonly title: string;
  /** Where it is not as usual. */
  readonly but: Readonly<Partial<Record<FaultName, string>>>;
}

const NO_SOURCE = "—: it has neither source nor reader";

/** What it happens to, and where that comes out otherwise than usual. */
export const OPERATIONS: Readonly<Record<OperationName, Row>> = {
  query: { title: "a query that is awaited", but: { throws: NO_SOURCE } },
  simple: { title: "`simple()`, several statements", but: { throws: NO_SOURCE } },
  prepared: { title: "a prepared statement's query", but: { throws: NO_SOURCE } },
  prepare: {
    title: "`prepare()`",
    but: { refused: "ProgrammingError 42P01, usable", throws: NO_SOURCE },
  },
  stream: { title: "`for await` over a query", but: {} },
  batch: { title: "`batch()`", but: { throws: NO_SOURCE } },
  executeMany: { title: "`executeMany()`", but: {} },
  copyFrom: { title: "`copyFrom()`", but: { refused: "DataError 22P02, usable" } },
  copyTo: { title: "`copyTo()`", but: {} },
  copyRowsFrom: { title: "`copyRowsFrom()`", but: { refused: "IntegrityError 23514, usable" } },
  copyRowsTo: { title: "`copyRowsTo()`", but: {} },
  transaction: { title: "`transaction()`", but: {} },
  begin: { title: "`begin()`, and `await using`", but: {} },
  largeObject: {
    title: "a large object, in a transaction",
    but: { refused: "ProgrammingError 42704, usable" },
  },
  largeObjectCall: {
    title: "one call on a large object, and its streams",
    but: { refused: "ProgrammingError 42704, usable" },
  },
  listen: {
    title: "`listen()`, and its notifications",
    but: {
      refused: "—: a server that takes connections takes LISTEN",
      late: "—: it waits for as long as nothing comes",
      cancelled: "—: between notifications the server does nothing that could be cancelled",
    },
  },
};

/** What a cell of the table says. */
export function outcomeOf(operation: OperationName, fault: FaultName): string {
  return OPERATIONS[operation].but[fault] ?? FAULTS[fault].usual;
}

/** The same in a few characters: `22012`, `reason`, `own`, `result`; `08006 ✗` leaves it closed; `—`. */
export function short(outcome: string): string {
  if (outcome.startsWith("—")) return "—";
  const [, what, isClosed] = /(\S+), (?:usable|(closed))$/.exec(outcome) ?? [undefined, outcome];
  return isClosed === undefined ? what! : `${what} ✗`;
}
