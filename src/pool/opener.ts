import {
  DatabaseError,
  InterfaceError,
  NotSupportedError,
  PgError,
  PoolTimeoutError,
} from "../errors/errors.ts";

/** The number of connections opened at once while attempts succeed. */
const PARALLEL = 4;

/** The milliseconds before the second attempt; doubled with each failure. */
const FIRST_PAUSE = 50;

/**
 * Paces attempts to connect: a few at once while they succeed; after a failure one at a time, with
 * growing, random pauses, so that a server that restarts is not flooded.
 */
export class Opener {
  readonly #longestPause: number;
  readonly #again: () => void;
  /** Lets the process end during a pause; `undefined`: a pause holds the process. */
  readonly #unref: ((timer: Timer) => void) | undefined;
  #failures = 0;
  #pause: Timer | undefined;
  /** The end of the pause in milliseconds. */
  #due = 0;
  /** The error of the last attempt, if it failed. */
  lastError: unknown;
  /** The number of attempts under way. */
  running = 0;

  /**
   * `again` is called after a pause; times are seconds. With `unref` a pause lets the process end,
   * unless {@linkcode hold} is called.
   */
  constructor(longestPause: number, again: () => void, unref?: (timer: Timer) => void) {
    this.#longestPause = longestPause * 1000;
    this.#again = again;
    this.#unref = unref;
  }

  /** Whether another attempt may start now. */
  get ready(): boolean {
    return this.#pause === undefined && this.running < (this.#failures > 0 ? 1 : PARALLEL);
  }

  /** Makes an attempt to connect. */
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

  /** Makes the pause hold the process, because a caller waits. */
  hold(): void {
    if (this.#unref === undefined || this.#pause === undefined) return;
    this.#wait(Math.max(this.#due - performance.now(), 0));
  }

  /** Ends the pause, because a caller must not wait for it. */
  hurry(): void {
    if (this.running === 0) this.stop();
  }

  #rest(): void {
    const longest = Math.min(FIRST_PAUSE * 2 ** this.#failures++, this.#longestPause);
    this.#wait(longest * (0.5 + Math.random() / 2));
    this.#unref?.(this.#pause!);
  }

  #wait(milliseconds: number): void {
    this.stop();
    this.#due = performance.now() + milliseconds;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#again();
    }, milliseconds);
  }
}

type Timer = ReturnType<typeof setTimeout>;

/**
 * Reports whether another attempt cannot succeed: the options, the credentials or the database are
 * wrong.
 */
export function isForGood(error: unknown): boolean {
  if (error instanceof InterfaceError || error instanceof NotSupportedError) return true;
  if (isMistake(error)) return true;
  const code = error instanceof PgError ? error.code ?? "" : "";
  return code.startsWith("28") || code === "3D000" || code === "42501";
}

/**
 * Reports whether an error, or one of its causes, is a mistake in code of the caller, such as a
 * `password` function.
 */
function isMistake(error: unknown): boolean {
  if (error instanceof ReferenceError || error instanceof SyntaxError) return true;
  // fetch() rejects with a TypeError when the network fails.
  if (error instanceof TypeError) return /undefined|null|is not (?:a|iterable)/.test(error.message);
  return error instanceof PgError && error.cause !== error && isMistake(error.cause);
}

/**
 * Reports whether a server is up but takes no connections now: it has none left (class 53) or is
 * starting.
 */
export function isBusy(error: unknown): boolean {
  const code = error instanceof PgError ? error.code ?? "" : "";
  return code.startsWith("53") || code === "57P03";
}

/** Returns a copy of an error, one for each caller that it fails. */
export function refusedAs(error: unknown): unknown {
  if (!(error instanceof PgError)) return error;
  const Class = error.constructor as new (message: string, options: object) => PgError;
  const { code, safeToRetry } = error;
  const fields = error instanceof DatabaseError ? { fields: error.fields } : {};
  return new Class(error.message, { cause: error, code, safeToRetry, ...fields });
}

/**
 * Returns the error of a caller that has waited too long, with the error of the last attempt to
 * connect. Without one, its code says whether all connections are in use or the first is still being
 * made.
 */
export function timedOut(
  message: string,
  lastError: unknown,
  isAnyOpen: boolean,
): PoolTimeoutError {
  if (lastError === undefined) {
    const code = isAnyOpen ? "53300" : "08001";
    return new PoolTimeoutError(message, { code, safeToRetry: true });
  }
  const { code = "08001" } = lastError instanceof PgError ? lastError : {};
  const reason = lastError instanceof Error ? lastError.message : String(lastError);
  const whole = `${message}; the last attempt to connect: ${reason}`;
  return new PoolTimeoutError(whole, { code, cause: lastError, safeToRetry: true });
}
