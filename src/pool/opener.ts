import {
  DatabaseError,
  InterfaceError,
  NotSupportedError,
  PgError,
  PoolTimeoutError,
} from "../errors/errors.ts";

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
  /** Lets the process end although a timer is set; `undefined`: no pause does. */
  readonly #unref: ((timer: Timer) => void) | undefined;
  #failures = 0;
  #pause: Timer | undefined;
  /** When the pause is over. */
  #due = 0;
  /** Why the last attempt failed, until one succeeds. */
  lastError: unknown;
  /** Attempts under way. */
  running = 0;

  /**
   * `again` is called when a pause is over; times in seconds. With `unref` a pause lets the process
   * end, unless {@linkcode hold} is called.
   */
  constructor(longestPause: number, again: () => void, unref?: (timer: Timer) => void) {
    this.#longestPause = longestPause * 1000;
    this.#again = again;
    this.#unref = unref;
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

  /** Lets the pause hold the process: something waits for a connection. */
  hold(): void {
    if (this.#unref === undefined || this.#pause === undefined) return;
    this.#wait(Math.max(this.#due - performance.now(), 0));
  }

  /** Ends the pause: somewhat waits that is not to wait for a second attempt. */
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

/** Whether trying again is of no use: the options, the credentials or the database are wrong. */
export function isForGood(error: unknown): boolean {
  if (error instanceof InterfaceError || error instanceof NotSupportedError) return true;
  if (isMistake(error)) return true;
  const code = error instanceof PgError ? error.code ?? "" : "";
  return code.startsWith("28") || code === "3D000" || code === "42501";
}

/** A fault of the caller's own code, a `password` function for one, whatever it is wrapped in. */
function isMistake(error: unknown): boolean {
  if (error instanceof ReferenceError || error instanceof SyntaxError) return true;
  // A request that has failed on the network is a TypeError as well.
  if (error instanceof TypeError) return /undefined|null|is not (?:a|iterable)/.test(error.message);
  return error instanceof PgError && error.cause !== error && isMistake(error.cause);
}

/**
 * Reports whether a server is there but does not take connections now: it has none left (class 53), or
 * it is starting.
 */
export function isBusy(error: unknown): boolean {
  const code = error instanceof PgError ? error.code ?? "" : "";
  return code.startsWith("53") || code === "57P03";
}

/** The same refusal once more, for each who is refused. */
export function refusedAs(error: unknown): unknown {
  if (!(error instanceof PgError)) return error;
  const Class = error.constructor as new (message: string, options: object) => PgError;
  const { code, safeToRetry } = error;
  const fields = error instanceof DatabaseError ? { fields: error.fields } : {};
  return new Class(error.message, { cause: error, code, safeToRetry, ...fields });
}

/** The error of a caller that has waited in vain; the last attempt to connect may say why. */
export function timedOut(message: string, lastError: unknown): PoolTimeoutError {
  if (lastError === undefined) {
    return new PoolTimeoutError(message, { code: "53300", safeToRetry: true });
  }
  const { code = "08001" } = lastError instanceof PgError ? lastError : {};
  const reason = lastError instanceof Error ? lastError.message : String(lastError);
  const whole = `${message}; the last attempt to connect: ${reason}`;
  return new PoolTimeoutError(whole, { code, cause: lastError, safeToRetry: true });
}
