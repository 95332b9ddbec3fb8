import { byteStream, type Chunks } from "../features/byte_stream.ts";
import { checkCopyTo, CopyReader } from "../features/copy.ts";
import type { CopyOptions } from "../features/copy_statement.ts";
import type { ByteStream } from "../query/source.ts";
import { bound } from "../session/deadline.ts";
import { located } from "./call_stack.ts";
import type { Loan, Need } from "./borrower.ts";

/** Takes a connection for a stream. */
type Take = (need: Need) => Promise<Loan>;

/**
 * Starts a copy out of the pool. The first read takes the connection, so that a stream that is
 * never read holds none; the end of the stream, whatever its cause, returns it.
 */
export function poolCopyTo(
  take: Take,
  text: string,
  options: CopyOptions,
  site: Error,
): ByteStream {
  checkCopyTo(text, options);
  return byteStream(new PoolCopy(take, text, options, site));
}

class PoolCopy implements Chunks {
  readonly #take: Take;
  readonly #text: string;
  readonly #options: CopyOptions;
  readonly #site: Error;
  /** Ends the wait for a connection. */
  readonly #leaving = new AbortController();
  #begun: Promise<CopyReader> | undefined;
  #loan: Loan | undefined;

  constructor(take: Take, text: string, options: CopyOptions, site: Error) {
    this.#take = take;
    this.#text = text;
    this.#options = options;
    this.#site = site;
  }

  async next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const copy = await (this.#begun ??= this.#begin());
    try {
      const chunk = await copy.next();
      if (chunk === undefined) await this.#giveBack();
      return chunk;
    } catch (error) {
      // After a `progress` that throws, the copy itself has not ended yet.
      await copy.leave();
      await this.#giveBack();
      throw located(error, this.#site);
    }
  }

  async leave(): Promise<void> {
    this.#leaving.abort();
    const copy = await this.#begun?.catch(() => undefined);
    await copy?.leave();
    await this.#giveBack();
  }

  async #begin(): Promise<CopyReader> {
    const release = bound(this.#leaving, 0, () => "", this.#options.signal);
    try {
      const { signal } = this.#leaving;
      this.#loan = await this.#take({ kind: "held", signal, site: this.#site });
    } finally {
      release();
    }
    return new CopyReader(this.#loan.host, this.#text, this.#options);
  }

  async #giveBack(): Promise<void> {
    const loan = this.#loan;
    this.#loan = undefined;
    await loan?.giveBack();
  }
}
