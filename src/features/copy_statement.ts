/** The statement of a COPY, and the beginning and end of its answer, in both directions. */
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError, OperationalError, ProtocolError } from "../errors/errors.ts";
import { readCommandTag } from "../protocol/backend.ts";
import { lineCounter, type RowCounter, tupleCounter } from "../protocol/copy_format.ts";
import { beginBind, endBind, parse } from "../protocol/frontend.ts";
import { execute } from "../protocol/portal_messages.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import { clientCopies } from "../query/copy_grammar.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { Message, RequestOptions, SessionLock, Signal } from "../session/exchange.ts";
import type { CopyTrace, TracedOperation } from "../trace.ts";

/** Bytes of one CopyData, of one write, and of unread data that is kept. */
export const CHUNK = 65_536;

/** The progress of a copy. */
export interface CopyProgress {
  /** Bytes of data, without the protocol's own. */
  readonly bytes: number;
  /** Rows, counted in the data: lines, of which a header is one, or tuples of the binary format. */
  readonly rows: number;
}

/** Options of one copy. */
export interface CopyOptions {
  /** Aborts the copy. The table is left as it was. */
  signal?: Signal | undefined;
  /** Seconds for the whole copy; default 0, no limit. `queryTimeout` does not apply. */
  timeout?: number | undefined;
  /** Called after each chunk of about 64 KiB. An error that it throws ends the copy. */
  progress?: ((progress: CopyProgress) => void) | undefined;
  /** Called when the copy is complete, with the number of rows that the server has counted. */
  complete?: ((rows: number) => void) | undefined;
}

/** Opens the tracing operation of a copy; `undefined` when nothing subscribes. */
export function watchCopy(
  { executor: { trace: { copy } } }: QueryContext,
  text: string,
  direction: CopyTrace["direction"],
): TracedOperation<CopyTrace> | undefined {
  if (!copy.isWatched) return undefined;
  return copy.open({ "db.operation.name": "COPY", "db.query.text": text, direction });
}

/** Writes the beginning of both directions: Parse, Bind, Execute, without a name. */
export function begin(out: Writer, text: string): void {
  parse(out, "", text, []);
  const at = beginBind(out, "", "");
  out.int16(0);
  out.int16(0);
  endBind(out, at, []);
  execute(out, "", 0);
}

/** Reads up to the answer to Execute. */
export function* begun(): Generator<undefined, Message, Message> {
  expect(yield, Backend.ParseComplete);
  expect(yield, Backend.BindComplete);
  return yield;
}

/** Returns the session's options for a copy. */
export function requestOptions(
  { signal, timeout }: CopyOptions,
  lock: SessionLock | undefined,
): RequestOptions {
  return { signal, timeout, lock };
}

/** Returns a counter of the rows in the data. `format` is the server's: 0 text, 1 binary. */
export function counterOf(text: string, format: number): RowCounter {
  return format === 1 ? tupleCounter() : lineCounter(clientCopies(text)[0]?.isCsv === true);
}

/** Reads the last message of a copy: `COPY 3`. */
export function rowsOf(message: Message): number {
  if (message.tag !== Backend.CommandComplete) throw unexpected(message);
  const tag = readCommandTag(message.reader);
  return Number(/^COPY (\d+)$/.exec(tag)?.[1] ?? 0);
}

/** Checks the type of a message. Any other one is a violation. */
export function expect(message: Message, tag: number): void {
  if (message.tag !== tag) throw unexpected(message);
  message.reader.finish();
}

/** Returns the error for a statement that is no such COPY. The rest of its answer is skipped. */
export function isNoCopy(message: Message, wanted: "from stdin" | "to stdout"): Error {
  switch (message.tag) {
    case Backend.CopyInResponse:
    case Backend.CopyOutResponse:
    case Backend.CommandComplete:
    case Backend.DataRow:
    case Backend.EmptyQueryResponse:
      return new InterfaceError(`the statement is not a COPY … ${wanted.toUpperCase()}`);
    default:
      return unexpected(message);
  }
}

/** Returns the error for a violation of the protocol. */
export function unexpected({ tag }: Message): ProtocolError {
  return new ProtocolError(`${backendName(tag)} in the answer to a COPY`);
}

/** Returns the error for a copy that cannot be sent again, because data has been moved. */
export function hitByAnothersCancel(): OperationalError {
  return new OperationalError("the copy was hit by a cancel that was meant for another query", {
    code: "57014",
  });
}
