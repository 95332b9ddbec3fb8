import { DatabaseError, InterfaceError, NotSupportedError, PgError } from "../errors/errors.ts";

/** How many connections are being opened at once, while all goes well. */
const PARALLEL = 4;

/** Milliseconds before the second attempt; doubled with each that fails. */
const FIRST_PAUSE = 50;

/**
 * Paces connecting: a few at once while the server answers; after a failure one at a time, with
 * growing pauses and jitter, so that a server that comes back is not run over.
 */
export class Opener {
  readonly #longestPause: number;
  readonly #again: () => void;
  #failures = 0;
  #pause: ReturnType<typeof setTimeout> | undefined;
  /** Why the last attempt failed, until one succeeds. */
  lastError: unknown;
  /** Attempts under way. */
  running = 0;

  /** `again` is called when a pause is over; times in seconds. */
  constructor(longestPause: number, again: () => void) {
    this.#longestPause = longestPause * 1000;
    this.#again = again;
  }

  /** Whether another attempt may begin now. */
  get ready(): boolean {
    return this.#pause === undefined && this.running < (this.#failures > 0 ? 1 : PARALLEL);
  }

  /** Makes an attempt. */
  async attempt(open: () => Promise<void>): Promise<void> {
    this.running++;
    try {
      await open();
      this.#failures = 0;
      this.lastError = undefined;
    } catch (error) {
      this.lastError = error;
      this.#rest();
      throw error;
    } finally {
      this.running--;
    }
  }

  stop(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  #rest(): void {
    const longest = Math.min(FIRST_PAUSE * 2 ** this.#failures++, this.#longestPause);
    this.stop();
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#again();
    }, longest * (0.5 + Math.random() / 2));
  }
}

/** Whether trying again is of no use: the options, the credentials or the database are wrong. */
export function isForGood(error: unknown): boolean {
  if (error instanceof InterfaceError || error instanceof NotSupportedError) return true;
  const code = error instanceof PgError ? error.code ?? "" : "";
  return code.startsWith("28") || code === "3D000" || code === "42501";
}

/** The same refusal once more, for each who is refused. */
export function refusedAs(error: unknown): unknown {
  if (!(error instanceof PgError)) return error;
  const Class = error.constructor as new (message: string, options: object) => PgError;
  const { code, safeToRetry } = error;
  const fields = error instanceof DatabaseError ? { fields: error.fields } : {};
  return new Class(error.message, { cause: error, code, safeToRetry, ...fields });
}
