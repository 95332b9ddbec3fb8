/** COPY by DB-API: `stream` is the source or the sink of the data. */
import { InterfaceError } from "../errors/errors.ts";
import { copyDirection } from "../query/copy_grammar.ts";
import type { Source } from "../query/source.ts";
import type { Database, ExecutionHost, Outcome } from "./execution_host.ts";
import { type Arguments, hasArguments } from "./arguments.ts";

/** The source of a `COPY … FROM STDIN`. Strings are sent as UTF-8. */
export type CopySource = string | Uint8Array | Source<string | Uint8Array>;

/** The sink of a `COPY … TO STDOUT`. It is left open. */
export type CopySink = WritableLike | WriterLike;

/** A web stream to write to, such as the `writable` of a file. */
export interface WritableLike {
  /** Locks the stream until the copy has ended. */
  getWriter(): {
    /** Writes a chunk, and settles when there is room for the next. */
    write(chunk: Uint8Array): Promise<void>;
    /** Unlocks the stream. */
    releaseLock(): void;
  };
}

/**
 * An object with `write()`. A promise that `write()` returns is awaited. When one of Node's streams
 * returns `false`, its event `drain` is awaited.
 */
export interface WriterLike {
  /** Takes a chunk, and owns it from then on. */
  write(chunk: Uint8Array): unknown;
}

/** Options of `execute()` and `run()` for a COPY. */
export interface StreamOptions {
  /** The data of a COPY: a source for FROM STDIN, a sink for TO STDOUT. */
  stream?: CopySource | CopySink | undefined;
}

/**
 * Runs a COPY from or to `stream`. The row count is the COPY's.
 *
 * @throws {InterfaceError} the text is not a COPY, there are arguments, or the stream does not suit
 * it. Nothing is sent then.
 */
export async function executeCopy(
  host: ExecutionHost,
  text: string,
  args: Arguments,
  stream: CopySource | CopySink,
): Promise<Outcome> {
  if (hasArguments(args)) throw new InterfaceError("a COPY takes no arguments");
  const direction = copyDirection(text, host.backslashes);
  if (direction === undefined) {
    throw new InterfaceError("a stream is for COPY … FROM STDIN and COPY … TO STDOUT");
  }
  if (direction === "in") {
    if (!isSource(stream)) throw new InterfaceError("COPY … FROM STDIN needs a stream to read");
    const rowCount = await host.copy(() => host.db.copyFrom(text, stream));
    return { columns: null, rows: null, rowCount };
  }
  if (!isSink(stream)) throw new InterfaceError("COPY … TO STDOUT needs a stream to write to");
  const rowCount = await host.copy(() => pour(host.db, text, stream));
  return { columns: null, rows: null, rowCount };
}

function isSource(stream: CopySource | CopySink): stream is CopySource {
  if (typeof stream === "string") return true;
  if (typeof stream !== "object" || stream === null) return false;
  return Symbol.asyncIterator in stream || Symbol.iterator in stream || "getReader" in stream;
}

function isSink(stream: CopySource | CopySink): stream is CopySink {
  if (typeof stream !== "object" || stream === null) return false;
  return "getWriter" in stream || typeof (stream as WriterLike).write === "function";
}

async function pour(db: Database, text: string, sink: CopySink): Promise<number> {
  let rowCount = -1;
  const data = db.copyTo(text, { complete: (rows) => rowCount = rows });
  if ("getWriter" in sink) {
    const writer = sink.getWriter();
    try {
      for await (const chunk of data) await writer.write(chunk);
    } finally {
      writer.releaseLock();
    }
  } else {
    for await (const chunk of data) {
      if (await sink.write(chunk) === false && isEmitter(sink)) await drained(sink);
    }
  }
  return rowCount;
}

/** The events of one of Node's streams. */
interface Emitter {
  on(event: string, listener: (value?: unknown) => void): unknown;
  off(event: string, listener: (value?: unknown) => void): unknown;
}

function isEmitter(value: object): value is Emitter {
  return "on" in value && "off" in value;
}

/** Waits for room in one of Node's streams, or for its error or end. */
function drained(sink: Emitter): Promise<void> {
  return new Promise((resolve, reject) => {
    const listeners: Readonly<Record<string, (cause?: unknown) => void>> = {
      drain: () => settle(resolve),
      error: (cause) => settle(() => reject(cause)),
      close: () => settle(() => reject(new InterfaceError("the stream was closed"))),
    };
    const settle = (how: () => void): void => {
      for (const [event, listener] of Object.entries(listeners)) sink.off(event, listener);
      how();
    };
    for (const [event, listener] of Object.entries(listeners)) sink.on(event, listener);
  });
}
