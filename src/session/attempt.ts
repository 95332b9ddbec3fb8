/**
 * One attempt at one address: dial, log in, check the server's role. `connectTimeout` limits it, and a
 * failed attempt leaves nothing open.
 */
import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import { ProtocolError } from "../errors/errors.ts";
import { loaded } from "../errors/loading.ts";
import type { Signal } from "../runtime/runtime.ts";
import { prepareLogin } from "./authenticate.ts";
import { cancelOnServer } from "./cancel.ts";
import { bound, unlessAborted } from "./deadline.ts";
import { dial, type TlsWish } from "./dial.ts";
import type { SessionFacts } from "./facts.ts";
import type { Failure } from "./failure.ts";
import type { Role } from "./role.ts";
import { Session } from "./session.ts";
import type { Start } from "./start.ts";
import { STARTING, startUp } from "./startup.ts";
import type { Wire } from "./wire.ts";

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

/**
 * Makes one attempt. Resolves to the failure instead of rejecting.
 *
 * @throws {OperationalError} the code for failed attempts cannot be loaded.
 */
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
    const { Failure } = await failureCode(reason);
    return new Failure(reason, target, settings.runtime, start);
  } finally {
    release();
  }
}

/**
 * Loads the code for failed attempts. If that cannot be loaded, the error has the attempt's as its
 * cause.
 */
export async function failureCode(cause: unknown): Promise<typeof import("./failure.ts")> {
  try {
    return await loaded(import("./failure.ts"), "the code for failed attempts");
  } catch (error) {
    (error as Error).cause = cause;
    throw error;
  }
}

/** Adds a hint to a violation in the first message: the server may be of another kind. */
function violation(error: Error, { stage }: Start): Error {
  if (stage !== STARTING) return error;
  return new ProtocolError(`${error.message}; is that a PostgreSQL server?`, { cause: error });
}

/** Checks the server's role. Its code is loaded for it, because most attempts take any role. */
async function checkRole(
  wire: Wire,
  facts: SessionFacts,
  role: Exclude<Role, "any">,
  start: Start,
): Promise<void> {
  const loading = loaded(import("./role.ts"), "the check of targetSessionAttrs");
  const code = await unlessAborted(loading, start.signal);
  await code.checkRole(wire, facts, role, start);
}

async function enter(settings: Settings, plan: Plan, start: Start): Promise<Session> {
  const { target } = plan;
  prepareLogin(target);
  const wire = await dial(settings, target, plan.wish, start);
  const encrypted = start.encrypted = wire.tls !== undefined;
  try {
    const facts = await startUp(wire, settings, target, start);
    if (plan.role !== "any") await checkRole(wire, facts, plan.role, start);
    // A given sock is one connection, and the address behind it is not known.
    const cancel = target.address &&
      ((sent: () => void) => cancelOnServer(settings, target, encrypted, facts, sent));
    return new Session(wire, facts, settings, cancel);
  } catch (error) {
    const named = error instanceof ProtocolError ? violation(wire.named(error), start) : error;
    wire.fail(named as Error);
    throw named;
  }
}
