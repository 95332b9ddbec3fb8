import type { Item, Pull } from "../../query/source.ts";
import { dataOf, type WrittenChunk } from "../written_chunks.ts";
import { immediately } from "../node.ts";
import { Writable } from "./node_library.ts";

type Callback = (error?: Error | null) => void;

/** The data that a program writes to the stream of a `copy … from stdin`. */
export class CopySource implements Pull<Uint8Array | string> {
  readonly #begun: (stream: Writable) => void;
  readonly #ended: () => void;
  #stream: Writable | undefined;
  /** Gives the COPY its next item. */
  #give: ((item: Item<Uint8Array | string>) => void) | undefined;
  #refuse: ((reason: unknown) => void) | undefined;
  /** The data of one write that the COPY has not taken yet, last first. */
  readonly #ready: (Uint8Array | string)[] = [];
  /** Confirms the chunk before, once the COPY asks for the next. */
  #written: Callback | undefined;
  #finished: Callback | undefined;
  #failure: { reason: unknown } | undefined;

  /** `begun` is called when the server is ready for data, and `ended` when all data was written. */
  constructor(begun: (stream: Writable) => void, ended: () => void) {
    this.#begun = begun;
    this.#ended = ended;
  }

  next(): PromiseLike<Item<Uint8Array | string>> | Item<Uint8Array | string> {
    if (this.#ready.length > 0) return { value: this.#ready.pop() };
    const item = new Promise<Item<Uint8Array | string>>((resolve, reject) => {
      this.#give = resolve;
      this.#refuse = reject;
    });
    if (this.#failure !== undefined) this.#refuse!(this.#failure.reason);
    if (this.#stream === undefined) this.#begin();
    const written = this.#written;
    this.#written = undefined;
    // Chunks that are written meanwhile are taken together.
    if (written !== undefined) immediately(written);
    return item;
  }

  cancel(_reason: unknown): void {}

  /** The server has confirmed the COPY. */
  succeeded(): void {
    this.#finished?.();
  }

  /** The COPY has failed: the stream ends with the error. */
  failed(reason: unknown): void {
    const error = reason as Error;
    const waiting = this.#finished ?? this.#written;
    this.#finished = this.#written = undefined;
    if (waiting !== undefined) waiting(error);
    else if (this.#stream?.destroyed === false) this.#stream.destroy(error);
  }

  #take(chunks: readonly WrittenChunk[], callback: Callback): void {
    this.#written = callback;
    for (const data of dataOf(chunks).reverse()) this.#ready.push(data);
    const value = this.#ready.pop();
    this.#give!({ value: value ?? "" });
  }

  #begin(): void {
    const stream = this.#stream = new Writable({
      decodeStrings: false,
      highWaterMark: 65_536,
      write: (chunk: Uint8Array | string, encoding: string, callback: Callback) =>
        this.#take([{ chunk, encoding }], callback),
      writev: (chunks: readonly WrittenChunk[], callback: Callback) => this.#take(chunks, callback),
      final: (callback: Callback) => {
        this.#finished = callback;
        this.#give!({ done: true });
        this.#ended();
      },
      destroy: (error, callback: Callback) => {
        if (!stream.writableFinished && this.#finished === undefined) {
          const reason = error ?? new Error("the stream was destroyed before its end");
          this.#failure = { reason };
          this.#refuse?.(reason);
        }
        callback(error);
      },
    });
    this.#begun(stream);
  }
}
