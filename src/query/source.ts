/**
 * Sources and sinks of data: iterables and web streams. They are typed by their shape, so that no
 * signature needs the types of a browser or a runtime.
 */
import { InterfaceError } from "../errors/errors.ts";

/** The part of a `ReadableStream` that reading needs. */
export interface ReadableLike<T> {
  /** Locks the stream. */
  getReader(): {
    /** The next chunk. */
    read(): Promise<{ done: boolean; value?: T }>;
    /** Cancels the stream. */
    cancel(reason?: unknown): Promise<void>;
    /** Unlocks the stream. */
    releaseLock(): void;
  };
}

/** A source of items. */
export type Source<T> = Iterable<T> | AsyncIterable<T> | ReadableLike<T>;

/** A stream of bytes to read: the platform's `ReadableStream`, where its types are installed. */
export type ByteStream =
  & AsyncIterable<Uint8Array<ArrayBuffer>>
  & (typeof globalThis extends { ReadableStream: { prototype: infer S } } ? S
    : ReadableLike<Uint8Array<ArrayBuffer>>);

/** A stream of bytes to write: the platform's `WritableStream`, where its types are installed. */
export type ByteSink = typeof globalThis extends { WritableStream: { prototype: infer S } } ? S
  : {
    getWriter(): {
      write(chunk: Uint8Array | string): Promise<void>;
      close(): Promise<void>;
      abort(reason?: unknown): Promise<void>;
    };
  };

/** A source that is being read. */
export interface Pull<T> {
  /** Returns the next item, or a promise if the source needs one. Calls must not overlap. */
  next(): PromiseLike<Item<T>> | Item<T>;
  /** Stops reading. Does not wait for the source, whose errors are ignored. Idempotent. */
  cancel(reason: unknown): void;
}

/** The result of {@linkcode Pull.next}. */
export type Item<T> = { readonly done?: boolean; readonly value?: T };

/**
 * Starts to read a source. `what` names it in errors.
 *
 * @throws {InterfaceError} the value is not a source, or is a locked stream.
 */
export function openSource<T>(source: Source<T>, what: string): Pull<T> {
  const object = Object(source);
  if (isStream<T>(object)) return streamPull(object, what);
  if (Symbol.asyncIterator in object) return iteratorPull<T>(object[Symbol.asyncIterator]());
  if (Symbol.iterator in object) return iteratorPull<T>(object[Symbol.iterator]());
  throw new InterfaceError(`${what} must be a ReadableStream, an AsyncIterable or an Iterable`);
}

function isStream<T>(source: object): source is ReadableLike<T> {
  return "getReader" in source;
}

function streamPull<T>(stream: ReadableLike<T>, what: string): Pull<T> {
  let reader: ReturnType<ReadableLike<T>["getReader"]>;
  try {
    reader = stream.getReader();
  } catch (cause) {
    throw new InterfaceError(`${what}: the stream is locked by another reader`, { cause });
  }
  return {
    next: () => reader.read(),
    cancel: (reason) => quietly(() => reader.cancel(reason)),
  };
}

function iteratorPull<T>(iterator: Iterator<T> | AsyncIterator<T>): Pull<T> {
  let isOver = false;
  return {
    next: () => iterator.next(),
    cancel() {
      if (!isOver) quietly(() => iterator.return?.());
      isOver = true;
    },
  };
}

/** Runs a clean-up. Its errors are ignored, because the copy has an outcome already. */
function quietly(cleanUp: () => unknown): void {
  try {
    Promise.resolve(cleanUp()).catch(() => {});
  } catch { /* as above */ }
}
