/**
 * From settings to a session: every target in turn, each in the ways its sslMode allows, each
 * attempt bounded by `connectTimeout`. What went wrong is told with host, port and stage.
 */
import type { Signal } from "../runtime/runtime.ts";
import type { Settings, Target } from "../config/target.ts";
import { DatabaseError, OperationalError, PgError, ProtocolError } from "../errors/errors.ts";
import { cancelOnServer } from "./cancel.ts";
import { type Attempt, dial, type TlsWish } from "./dial.ts";
import { Session } from "./session.ts";
import { startUp } from "./startup.ts";

/** Opens a session with the first target that lets us in. */
export async function openSession(settings: Settings, signal?: Signal): Promise<Session> {
  const failures: Error[] = [];
  for (const target of settings.targets) {
    let failure: Error | undefined;
    for (const wish of wishes(target)) {
      if (target.sslMode === "prefer" && failure !== undefined && !mayDoWithout(failure)) break;
      signal?.throwIfAborted();
      try {
        return await attemptOnce(settings, target, wish, signal);
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        failures.push(failure = error as Error);
      }
    }
  }
  throw summary(failures);
}

/** The ways to try a target, by its sslMode, in libpq's order. */
function wishes(target: Target): readonly TlsWish[] {
  switch (target.sslMode) {
    case "disable":
      return ["never"];
    case "allow":
      return ["never", "always"];
    case "prefer":
      return ["if offered", "never"];
    default:
      return ["always"];
  }
}

/**
 * Whether `prefer` may try again in plain text: only when the server's access rules refused the
 * encrypted connection. A handshake or a certificate that failed, a lost connection or a wrong
 * password must not become a plaintext connection by itself.
 */
function mayDoWithout(failure: Error): boolean {
  return failure instanceof DatabaseError && failure.code === "28000";
}

async function attemptOnce(
  settings: Settings,
  target: Target,
  wish: TlsWish,
  signal: Signal | undefined,
): Promise<Session> {
  const controller = new AbortController();
  const attempt: Attempt = { signal: controller.signal, stage: "connecting" };
  const abort = (): void => controller.abort(signal!.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const seconds = settings.connectTimeout;
  const clock = seconds > 0
    ? setTimeout(() => controller.abort(timeoutError(attempt, seconds)), seconds * 1000)
    : undefined;
  try {
    return await enter(settings, target, wish, attempt);
  } catch (error) {
    const reason = controller.signal.aborted ? controller.signal.reason : error;
    throw described(reason, target);
  } finally {
    clearTimeout(clock);
    signal?.removeEventListener("abort", abort);
  }
}

async function enter(
  settings: Settings,
  target: Target,
  wish: TlsWish,
  attempt: Attempt,
): Promise<Session> {
  const wire = await dial(settings, target, wish, attempt);
  const { signal } = attempt;
  const abort = (): void => void wire.fail(signal.reason);
  if (signal.aborted) throw wire.fail(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    const facts = await startUp(wire, settings, target, attempt);
    const encrypted = wire.tls !== undefined;
    return new Session(
      wire,
      facts,
      settings,
      () => cancelOnServer(settings, target, encrypted, facts),
    );
  } catch (error) {
    const named = error instanceof ProtocolError ? wire.named(error) : error;
    wire.fail(named as Error);
    throw named;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function timeoutError(attempt: Attempt, seconds: number): OperationalError {
  return new OperationalError(
    `connect timed out after ${seconds} s (connectTimeout) while ${attempt.stage}`,
    { code: "08001", safeToRetry: true },
  );
}

/** Says which server it was. The server's own words are left as they are. */
function described(error: unknown, target: Target): Error {
  if (error instanceof DatabaseError && "C" in error.fields) return error;
  const where = place(target);
  if (error instanceof PgError) {
    const Class = error.constructor as new (m: string, o: object) => PgError;
    const { code, safeToRetry } = error;
    return new Class(`${where}: ${error.message}`, {
      cause: error.cause ?? error,
      code,
      safeToRetry,
    });
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new OperationalError(`${where}: ${reason}`, {
    code: "08001",
    cause: error,
    safeToRetry: true,
  });
}

function place(target: Target): string {
  const { address, host, port } = target;
  if (address === undefined) return "cannot connect over the given sock";
  if (address.kind === "unix") return `cannot connect to the Unix socket ${address.path}`;
  const via = address.host === host ? "" : ` (${address.host})`;
  return `cannot connect to ${host}${via} port ${port}`;
}

/** One failure speaks for itself; several are listed, with all of them as the cause. */
function summary(failures: readonly Error[]): Error {
  if (failures.length === 1) return failures[0]!;
  const last = failures.at(-1)!;
  const message = failures.map((failure) => failure.message).join("; ");
  return new OperationalError(`no server could be reached: ${message}`, {
    code: last instanceof PgError ? last.code : "08001",
    cause: new AggregateError(failures, message),
    safeToRetry: failures.every((failure) => failure instanceof PgError && failure.safeToRetry),
  });
}
