/**
 * Attempts that failed: the error of each, with the server's name in it, and how the search for a
 * server goes on. This module is loaded with the first failure.
 *
 * Source: PostgreSQL 18 manual, "Specifying Multiple Hosts"; `PQconnectPoll` of `fe-connect.c`.
 */
import type { OAuthRefusal } from "../auth/oauth.ts";
import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import {
  DatabaseError,
  databaseError,
  InterfaceError,
  OperationalError,
  PgError,
} from "../errors/errors.ts";
import { escaped } from "../errors/escaped.ts";
import { loaded } from "../errors/loading.ts";
import type { Runtime, Signal } from "../runtime/runtime.ts";
import type { TlsWish } from "./dial.ts";
import { reasonBy } from "./reason.ts";
import type { Start } from "./start.ts";
import { STARTING } from "./startup.ts";

/** The step of the search behind a failed attempt. */
export type Next = "next address" | "next host" | "stop";

/** The server is starting, stopping, or recovering from a crash. */
const ABSENT: ReadonlySet<string | undefined> = new Set(["57P01", "57P02", "57P03"]);

/** An attempt that failed. */
export class Failure {
  /** The server's error, or one of the driver's with host, port and stage. */
  readonly error: Error;
  readonly target: Target;
  /** The server's refusal, if it asks for a bearer token and there was none. */
  readonly wanted: OAuthRefusal | undefined;
  /** Whether the connection was encrypted. */
  readonly #encrypted: boolean;
  /** Whether the login succeeded and the server has another role. */
  readonly #misfit: boolean;
  /** Whether the connection ended before the startup message was answered. */
  readonly #atStart: boolean;

  /** `start` is the state of the attempt; `undefined` if the server's name could not be looked up. */
  constructor(error: unknown, target: Target, runtime: Runtime, start?: Start) {
    this.error = described(error, target, runtime);
    this.target = target;
    this.wanted = start?.wanted;
    this.#encrypted = start?.encrypted ?? false;
    this.#misfit = start?.misfit ?? false;
    this.#atStart = start?.stage === STARTING;
  }

  /** The next step of the search. */
  get next(): Next {
    const { error } = this;
    if (this.#misfit) return "next host";
    if (isReport(error)) return ABSENT.has(error.code) ? "next host" : "stop";
    if (error instanceof InterfaceError) return "stop";
    const code = error instanceof PgError ? error.code : undefined;
    return code === "0A000" || code?.startsWith("28") ? "stop" : "next address";
  }

  /**
   * Reports whether `allow` may try with TLS and `prefer` without: only if the server's access rules
   * refused the first way. A failed handshake or certificate, a lost connection or a wrong password must
   * not lead to a connection without TLS.
   */
  mayTry(wish: TlsWish): boolean {
    const isOther = this.#encrypted === (wish === "never");
    return isOther && isReport(this.error) && this.error.code === "28000";
  }

  /**
   * Reports whether a server may have refused the start because it neither knows protocol 3.2 nor
   * negotiates: PgBouncer before 1.20 (08P01), PostgreSQL before 9.3 (0A000), pgagroal, which sends an
   * error without a length (08004), and Odyssey, which closes the connection (08006).
   */
  get isDropped(): boolean {
    const { error } = this;
    if (!this.#atStart || !(error instanceof PgError)) return false;
    return (isReport(error) ? ["08P01", "0A000"] : ["08006", "08004"]).includes(error.code!);
  }

  /** Adds to the message that protocol 3.2 may be the reason. */
  remark(): this {
    this.error.message +=
      "; poolers without protocol 3.2, the least that minProtocolVersion allows, do the same";
    return this;
  }
}

/**
 * Returns the error of a search: the only failure, or an error that lists all failures and has them as
 * its cause. A refusal by a server that ended the search keeps its message and fields.
 */
export function summary(failures: readonly Failure[]): Error {
  const last = failures.at(-1)!;
  const { error } = last;
  if (failures.length === 1) return error;
  const list = failures.map(({ error, target }) =>
    isReport(error) ? `${place(target)}: ${error.message}` : error.message
  ).join("; ");
  const cause = new AggregateError(failures.map(({ error }) => error), list);
  if (isReport(error) && last.next === "stop") return databaseError(error.fields, cause);
  return new OperationalError(`no server could be connected to: ${list}`, {
    code: error instanceof PgError ? error.code : "08001",
    cause,
    safeToRetry: failures.every(({ error }) => error instanceof PgError && error.safeToRetry),
  });
}

/** Obtains the bearer token that a server asks for. */
export async function obtainToken(
  settings: Settings,
  signal: Signal | undefined,
  wanted: OAuthRefusal,
): Promise<string> {
  const { issuer, clientId, clientSecret, scope, prompt } = settings.oauth!;
  // Loaded when a server asks for it, because few do.
  const { deviceFlowToken } = await loaded(import("../auth/device_flow.ts"), "the device flow");
  return await deviceFlowToken({
    issuer: issuer!,
    discoveryUri: wanted.discoveryUri,
    clientId: clientId!,
    clientSecret,
    scope: scope ?? wanted.scope,
    prompt: prompt!,
    signal: signal as AbortSignal | undefined,
  });
}

/** Reports whether an error was sent by the server. */
function isReport(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && "C" in error.fields;
}

/** Returns the beginning of a message: the server that cannot be connected to. */
function place({ address, host, port }: Target): string {
  if (address === undefined) return "cannot connect over the given sock";
  if (address.kind === "unix") return `cannot connect to the Unix socket ${address.path}`;
  const via = address.host === host ? "" : ` (${address.host})`;
  return `cannot connect to ${host}${via} port ${port}`;
}

/** Characters of a reason that are shown: a certificate or a resolver may have written it. */
const MOST = 4000;

/** Adds the server to a message. An error that the server sent stays as it is. */
function described(error: unknown, target: Target, runtime: Runtime): Error {
  if (isReport(error)) return error;
  const where = place(target);
  const hint = target.hostHint ? `; the host is the default one${target.hostHint}` : "";
  if (error instanceof PgError) {
    const Class = error.constructor as new (m: string, o: object) => PgError;
    // A connection that was lost before the login was complete has run nothing.
    const safeToRetry = error.safeToRetry || error.code === "08006";
    const code = error.code ?? (error instanceof OperationalError ? "08001" : undefined);
    const cause = error.cause ?? error;
    return new Class(`${where}: ${escaped(error.message, MOST)}${hint}`, {
      cause,
      code,
      safeToRetry,
    });
  }
  return new OperationalError(`${where}: ${escaped(reasonBy(runtime, error), MOST)}${hint}`, {
    code: "08001",
    cause: error,
    safeToRetry: true,
  });
}
