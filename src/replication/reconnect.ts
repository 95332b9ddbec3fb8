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
 * `fatal`: the stream ends with the error.
 */
export type Consequence = "retry" | "busy" | "lost" | "publication" | "fatal";

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
 * Classes of lasting errors: a login that is refused (28), a database that does not exist (3D), SQL or
 * rights (42), data (22), the server's own faults (XX), and a violated protocol (08P01).
 */
const LASTING = /^(?:28|3D|42|22|XX|08P01)/;

/** Pauses that double from 0.1 seconds to a limit, each shortened by up to a half at random. */
export class Backoff {
  /** Attempts since the last success. */
  attempts = 0;
  readonly #longest: number;
  readonly #random: () => number;

  /** `longest` is in seconds. */
  constructor(longest: number, random: () => number = Math.random) {
    this.#longest = longest;
    this.#random = random;
  }

  /** Returns the next pause in seconds. */
  next(): number {
    const whole = Math.min(this.#longest, 0.1 * 2 ** Math.min(this.attempts++, 30));
    return whole * (1 - this.#random() / 2);
  }

  /** Begins with short pauses again. */
  succeeded(): void {
    this.attempts = 0;
  }
}
