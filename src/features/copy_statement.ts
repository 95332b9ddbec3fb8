/** What both directions of COPY have in common: the statement, and how its answer begins and ends. */
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError, OperationalError, ProtocolError } from "../errors/errors.ts";
import { readCommandTag } from "../protocol/backend.ts";
import { lineCounter, type RowCounter, tupleCounter } from "../protocol/copy_format.ts";
import { beginBind, endBind, execute, parse } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import { clientCopies } from "../query/copy_grammar.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { Message, RequestOptions, SessionLock, Signal } from "../session/exchange.ts";
import type { CopyTrace, Operation } from "../trace.ts";

/** Bytes of one CopyData, of one write, and of what is kept for a reader who does not read. */
export const CHUNK = 65_536;

/** How far a copy has come. */
export interface CopyProgress {
  /** Bytes of data, without the protocol's own. */
  readonly bytes: number;
  /** Rows, as far as they can be told by looking: lines (a header is one), or the binary format's tuples. */
  readonly rows: number;
}

/** How one copy is to be run. */
export interface CopyOptions {
  /** Aborts the copy: the table is as it was before. */
  signal?: Signal | undefined;
  /** Seconds for the whole copy; 0, the default, for no limit. `queryTimeout` is not for copies. */
  timeout?: number | undefined;
  /** Called with every chunk (about 64 KiB) that has gone. What it throws ends the copy. */
  progress?: ((progress: CopyProgress) => void) | undefined;
  /** Called when the copy is complete, with the number of rows that the server has counted. */
  complete?: ((rows: number) => void) | undefined;
}

/** What those who watch are told of a copy; `undefined`: nobody does. */
export function watchCopy(
  { executor: { trace: { copy } } }: QueryContext,
  text: string,
  direction: CopyTrace["direction"],
): Operation<CopyTrace> | undefined {
  if (!copy.isWatched) return undefined;
  return copy.open({ "db.operation.name": "COPY", "db.query.text": text, direction });
}

/** What both directions begin with: Parse, Bind, Execute, under no name. */
export function begin(out: Writer, text: string): void {
  parse(out, "", text, []);
  const at = beginBind(out, "", "");
  out.int16(0);
  out.int16(0);
  endBind(out, at, []);
  execute(out, "", 0);
}

/** Up to the answer to Execute. */
export function* begun(): Generator<undefined, Message, Message> {
  expect(yield, Backend.ParseComplete);
  expect(yield, Backend.BindComplete);
  return yield;
}

/** What the session has to know of a copy. */
export function requestOptions(
  { signal, timeout }: CopyOptions,
  lock: SessionLock | undefined,
): RequestOptions {
  return { signal, timeout, lock };
}

/** Counts the rows of what the statement moves; `format` as the server told it: 0 text, 1 binary. */
export function counterOf(text: string, format: number): RowCounter {
  return format === 1 ? tupleCounter() : lineCounter(clientCopies(text)[0]?.isCsv === true);
}

/** Reads the last message of a copy: `COPY 3`. */
export function rowsOf(message: Message): number {
  if (message.tag !== Backend.CommandComplete) throw unexpected(message);
  const tag = readCommandTag(message.reader);
  return Number(/^COPY (\d+)$/.exec(tag)?.[1] ?? 0);
}

/** Refuses any other message. */
export function expect(message: Message, tag: number): void {
  if (message.tag !== tag) throw unexpected(message);
  message.reader.finish();
}

/** A statement that is something else; what it returns is skipped. */
export function isNoCopy(message: Message, wanted: "from stdin" | "to stdout"): Error {
  switch (message.tag) {
    case Backend.CopyInResponse:
    case Backend.CopyOutResponse:
    case Backend.CommandComplete:
    case Backend.DataRow:
    case Backend.EmptyQueryResponse:
      return new InterfaceError(`the statement is no COPY … ${wanted.toUpperCase()}`);
    default:
      return unexpected(message);
  }
}

/** The server broke the protocol. */
export function unexpected({ tag }: Message): ProtocolError {
  return new ProtocolError(`${backendName(tag)} in the answer to a COPY`);
}

/** Data has moved already, so it cannot be sent again as if nothing had been. */
export function hitByAnothersCancel(): OperationalError {
  return new OperationalError("the copy was hit by a cancel that was meant for another query", {
    code: "57014",
  });
}
