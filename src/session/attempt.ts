/**
 * One attempt at one address: dial, log in, check the server's role. `connectTimeout` limits it, and a
 * failed attempt leaves nothing open.
 */
import type { OAuthRefusal } from "../auth/oauth.ts";
import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import { DatabaseError, OperationalError, PgError, ProtocolError } from "../errors/errors.ts";
import { escaped } from "../errors/escaped.ts";
import { reasonOf } from "../errors/reason.ts";
import type { Signal } from "../runtime/runtime.ts";
import { cancelOnServer } from "./cancel.ts";
import { bound } from "./deadline.ts";
import { dial, type TlsWish } from "./dial.ts";
import { checkRole, type Role } from "./role.ts";
import { Session } from "./session.ts";
import type { Start } from "./start.ts";
import { STARTING, startUp } from "./startup.ts";

/** The parameters of an attempt. */
export interface Plan {
  /** The server, with the one address to dial. */
  readonly target: Target;
  readonly wish: TlsWish;
  /** The role that the server must have. */
  readonly role: Role;
  /** The protocol version to ask for. */
  readonly version: "3.0" | "3.2";
  /** A bearer token that was obtained after an earlier attempt. */
  readonly token: string | undefined;
}

/** An attempt that failed. */
export interface Failure {
  /** The server's error, or one of the driver's with host, port and stage. */
  readonly error: Error;
  readonly target: Target;
  /** Whether the connection was encrypted. */
  readonly encrypted: boolean;
  /** Whether the login succeeded and the server has another role. */
  readonly misfit: boolean;
  /** Whether the connection ended before the startup message was answered. */
  readonly atStart: boolean;
  /** The server's refusal, if it asks for a bearer token and there was none. */
  readonly wanted: OAuthRefusal | undefined;
}

/** Makes one attempt. Resolves to the failure instead of rejecting. */
export async function attemptOnce(
  settings: Settings,
  plan: Plan,
  signal: Signal | undefined,
): Promise<Session | Failure> {
  const controller = new AbortController();
  const { version, token, target } = plan;
  const start: Start = { signal: controller.signal, stage: "connecting", version, token };
  const release = bound(controller, settings.connectTimeout, () => start.stage, signal);
  try {
    return await enter(settings, plan, start);
  } catch (error) {
    const reason = controller.signal.aborted ? controller.signal.reason : error;
    return {
      error: described(reason, target),
      target,
      encrypted: start.encrypted ?? false,
      misfit: start.misfit ?? false,
      atStart: start.stage === STARTING,
      wanted: start.wanted,
    };
  } finally {
    release();
  }
}

/** Reports whether an error was sent by the server. */
export function isReport(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && "C" in error.fields;
}

/** Returns the beginning of a message: the server that cannot be connected to. */
export function place({ address, host, port }: Target): string {
  if (address === undefined) return "cannot connect over the given sock";
  if (address.kind === "unix") return `cannot connect to the Unix socket ${address.path}`;
  const via = address.host === host ? "" : ` (${address.host})`;
  return `cannot connect to ${host}${via} port ${port}`;
}

/** Characters of a reason that are shown: a certificate or a resolver may have written it. */
const MOST = 4000;

/** Adds the server to a message. An error that the server sent stays as it is. */
export function described(error: unknown, target: Target): Error {
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
  return new OperationalError(`${where}: ${escaped(reasonOf(error), MOST)}${hint}`, {
    code: "08001",
    cause: error,
    safeToRetry: true,
  });
}

/** Adds a hint to a violation in the first message: the server may be of another kind. */
function violation(error: Error, { stage }: Start): Error {
  if (stage !== STARTING) return error;
  return new ProtocolError(`${error.message}; is that a PostgreSQL server?`, { cause: error });
}

async function enter(settings: Settings, plan: Plan, start: Start): Promise<Session> {
  const { target } = plan;
  const wire = await dial(settings, target, plan.wish, start);
  const encrypted = start.encrypted = wire.tls !== undefined;
  try {
    const facts = await startUp(wire, settings, target, start);
    await checkRole(wire, facts, plan.role, start);
    // A given sock is one connection, and the address behind it is not known.
    const cancel = target.address && (() => cancelOnServer(settings, target, encrypted, facts));
    return new Session(wire, facts, settings, cancel);
  } catch (error) {
    const named = error instanceof ProtocolError ? violation(wire.named(error), start) : error;
    wire.fail(named as Error);
    throw named;
  }
}
