/** The decisions of a change stream after a failure, and the pauses between attempts. No I/O. */
import { DatabaseError, InterfaceError, NotSupportedError, PgError } from "../errors/errors.ts";
import {
  DifferentSystemError,
  PositionAheadError,
  PublicationMissingError,
  ReplicationSetupError,
  SlotBusyError,
  SlotLostError,
} from "./errors.ts";

/**
 * The consequence of a failure: `retry` after a pause; `busy`: the slot is in use, perhaps by a
 * connection that the server still believes in; `lost`: the slot is; `publication`: one is missing;
 * `fault`: the server's own, which may not come again; `fatal`: the stream ends with the error.
 */
export type Consequence = "retry" | "busy" | "lost" | "publication" | "fault" | "fatal";

/**
 * Decides about a failure. Before the stream was `established` once, an error of the login or of the
 * way to the server ends it, because then the options are wrong rather than the server away.
 */
export function consequenceOf(error: unknown, established: boolean): Consequence {
  if (error instanceof SlotBusyError) return "busy";
  if (error instanceof SlotLostError) return "lost";
  if (error instanceof PublicationMissingError) return "publication";
  // Walsenders of connections that are gone may still count.
  if (error instanceof ReplicationSetupError && error.problem === "limit" && established) {
    return "retry";
  }
  // A connection that was lost before the next command refuses the command.
  if (error instanceof InterfaceError && error.safeToRetry && established) return "retry";
  if (FATAL.some((Class) => error instanceof Class)) return "fatal";
  if (!(error instanceof PgError)) return "fatal";
  if (!established) return "fatal";
  if (!(error instanceof DatabaseError) || error.code === undefined) return "retry";
  if (GONE.has(error.code)) return "retry";
  if (error.code === INTERNAL_ERROR) return "fault";
  return LASTING.test(error.code) ? "fatal" : "retry";
}

/** Errors that the next attempt meets again. */
const FATAL = [
  InterfaceError,
  NotSupportedError,
  DifferentSystemError,
  PositionAheadError,
  ReplicationSetupError,
] as const;

/** SQLSTATEs of a server that stops, starts, is full, or has ended the connection. */
const GONE: ReadonlySet<string> = new Set(["57P01", "57P02", "57P03", "53300", "57014", "55000"]);

/**
 * A check inside of the server has failed, which may depend on what else happens at the moment.
 */
const INTERNAL_ERROR = "XX000";

/**
 * Classes of lasting errors: a login that is refused (28), a database that does not exist (3D), SQL or
 * rights (42), data (22), damaged data (XX001, XX002), and a violated protocol (08P01).
 */
const LASTING = /^(?:28|3D|42|22|XX|08P01)/;

/** How often an internal error of the server is met with another attempt, if nothing has come since. */
const FAULTS = 5;

/** Pauses that double from 0.1 seconds to a limit, each shortened by up to a half at random. */
export class Backoff {
  /** Attempts since the last success. */
  attempts = 0;
  #doublings = 0;
  #faults = 0;
  readonly #longest: number;
  readonly #random: () => number;

  /** `longest` is in seconds. */
  constructor(longest: number, random: () => number = Math.random) {
    this.#longest = longest;
    this.#random = random;
  }

  /** Returns the next pause in seconds. */
  next(): number {
    this.attempts++;
    const whole = Math.min(this.#longest, 0.1 * 2 ** Math.min(this.#doublings++, 30));
    return whole * (1 - this.#random() / 2);
  }

  /** Counts attempts from 0 again: a connection streams. */
  succeeded(): void {
    this.attempts = 0;
  }

  /** Begins with short pauses again: a connection has lasted. */
  lasted(): void {
    this.#doublings = 0;
  }

  /** Begins with short pauses again, and counts faults from 0: a connection has brought something. */
  advanced(): void {
    this.#doublings = this.#faults = 0;
  }

  /** Reports whether a fault of the server is to be met with another attempt. */
  allowsFault(): boolean {
    return this.#faults++ < FAULTS;
  }
}
