import type { ByteStream } from "../query/source.ts";

/** The source of a stream's chunks. */
export interface Chunks {
  /** Returns the next chunk; `undefined` at the end. One call at a time. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Ends the reading. Never rejects. */
  leave(): Promise<void>;
}

/** Returns a stream that takes a chunk whenever it is read, and none before. */
export function byteStream(copy: Chunks): ByteStream {
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const chunk = await copy.next();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: () => copy.leave(),
  }, { highWaterMark: 0 }) as ByteStream;
}
