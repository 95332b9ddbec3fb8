import type { Catalogue, PlainReads } from "./plain_reads.ts";

/**
 * The reads that a pool has examined. The code that examines them is loaded before the first connection
 * is opened; if it cannot be loaded, no read is plain, and each session is cleaned.
 */
export class LatePlainReads {
  #reads: PlainReads | undefined;
  #loading: Promise<void> | undefined;

  /** Loads the code, if it is not loaded. Never rejects: without it no read is plain. */
  load(): Promise<void> {
    if (this.#reads !== undefined) return Promise.resolve();
    return this.#loading ??= import("./plain_reads.ts")
      .then(({ PlainReads }) => void (this.#reads = new PlainReads()))
      .catch(() => void (this.#loading = undefined));
  }

  /** Reports whether the text is known to leave its session as it was; as `PlainReads.isPlain`. */
  isPlain(text: string, catalogue: Catalogue): boolean {
    return this.#reads !== undefined && this.#reads.isPlain(text, catalogue);
  }

  /** Forgets all answers: the objects of the database have changed. */
  forget(): void {
    this.#reads?.forget();
  }
}
