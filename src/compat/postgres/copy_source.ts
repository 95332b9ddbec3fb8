import type { Item, Pull } from "../../query/source.ts";
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
  /** Confirms the chunk before, once the COPY asks for the next. */
  #written: Callback | undefined;
  #finished: Callback | undefined;
  #failure: { reason: unknown } | undefined;

  /** `begun` is called when the server is ready for data, and `ended` when all data was written. */
  constructor(begun: (stream: Writable) => void, ended: () => void) {
    this.#begun = begun;
    this.#ended = ended;
  }

  next(): PromiseLike<Item<Uint8Array | string>> {
    const item = new Promise<Item<Uint8Array | string>>((resolve, reject) => {
      this.#give = resolve;
      this.#refuse = reject;
    });
    if (this.#failure !== undefined) this.#refuse!(this.#failure.reason);
    if (this.#stream === undefined) this.#begin();
    const written = this.#written;
    this.#written = undefined;
    written?.();
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

  #begin(): void {
    const stream = this.#stream = new Writable({
      decodeStrings: true,
      highWaterMark: 65_536,
      write: (chunk: Uint8Array, _encoding, callback: Callback) => {
        this.#written = callback;
        this.#give!({ value: chunk });
      },
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
