/**
 * The outcome of each operation for each fault: the table in FAILURES.md. failures.test.ts checks
 * every cell on every runtime.
 *
 * An outcome names the result of the operation and the state of the connection, with a comma between:
 *
 * - `OperationalError 57014`: it rejects with an error of exactly this class and code;
 * - `the reason`: it rejects with the signal's reason, the same object;
 * - `its own`: it rejects with the error that its source, reader or callback threw, the same object;
 * - `its result`: it has succeeded.
 * - `usable`: the same connection is idle and usable, and the operation has had no effect;
 * - `closed`: the connection has ended: `closed` has resolved, and a query is refused with the cause.
 *
 * A cell that begins with a dash does not exist, for the reason behind it.
 */

/** The faults: title, how the test causes it, and the usual outcome. */
export const FAULTS = {
  refused: {
    title: "the server refuses it",
    how: "a division by zero, a bad row, a table or an object that is not there",
    usual: "DataError 22012, usable",
  },
  throws: {
    title: "its source or reader throws",
    how: "the iterable of a copy, the body of a loop or a transaction's callback throws",
    usual: "its own, usable",
  },
  before: {
    title: "aborted before",
    how: "`signal` has aborted already; nothing is sent",
    usual: "the reason, usable",
  },
  during: {
    title: "aborted meanwhile",
    how: "`signal` aborts while the server works on it",
    usual: "the reason, usable",
  },
  after: {
    title: "aborted afterwards",
    how: "`signal` aborts after it is done; nothing is sent",
    usual: "its result, usable",
  },
  late: {
    title: "timeout exceeded",
    how: "the option `timeout`",
    usual: "OperationalError 57014, usable",
  },
  cancelled: {
    title: "`db.cancel()`",
    how: "called while the server works on it",
    usual: "OperationalError 57014, usable",
  },
  terminated: {
    title: "the backend is terminated",
    how: "`pg_terminate_backend()` while the server works on it",
    usual: "OperationalError 57P01, closed",
  },
  reset: {
    title: "connection reset",
    how: "RST while the server works on it",
    usual: "OperationalError 08006, closed",
  },
  ended: {
    title: "connection ended",
    how: "FIN while the server works on it",
    usual: "OperationalError 08006, closed",
  },
  silence: {
    title: "silence",
    how: "no bytes arrive for the connection's `timeout`",
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
  /** The outcomes that are not the usual ones. */
  readonly but: Readonly<Partial<Record<FaultName, string>>>;
}

const NO_SOURCE = "—: it has neither source nor reader";

/** The operations, and the outcomes that are not the usual ones. */
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
      refused: "—: a server that accepts connections accepts LISTEN",
      late: "—: waiting for a notification has no time limit",
      cancelled: "—: between notifications the server runs nothing to cancel",
    },
  },
};

/** Returns the outcome in a cell of the table. */
export function outcomeOf(operation: OperationName, fault: FaultName): string {
  return OPERATIONS[operation].but[fault] ?? FAULTS[fault].usual;
}

/** Returns an outcome in a few characters: `22012`, `reason`, `own`, `result`; `08006 ✗` leaves it closed; `—`. */
export function short(outcome: string): string {
  if (outcome.startsWith("—")) return "—";
  const [, what, isClosed] = /(\S+), (?:usable|(closed))$/.exec(outcome) ?? [undefined, outcome];
  return isClosed === undefined ? what! : `${what} ✗`;
}
