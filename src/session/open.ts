/**
 * Opens a session from settings: tries each host, each address of a host, and each address in the ways
 * that its sslMode allows.
 *
 * Source: PostgreSQL 18 manual, "Specifying Multiple Hosts", `target_session_attrs` and
 * `load_balance_hosts`; `PQconnectPoll` of `fe-connect.c`.
 */
import type { OAuthRefusal } from "../auth/oauth.ts";
import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import { databaseError, InterfaceError, OperationalError, PgError } from "../errors/errors.ts";
import type { Address, Signal } from "../runtime/runtime.ts";
import { attemptOnce, described, type Failure, isReport, place, type Plan } from "./attempt.ts";
import { bound, unlessAborted } from "./deadline.ts";
import type { TlsWish } from "./dial.ts";
import { type Role, rolesOf } from "./role.ts";
import { Session } from "./session.ts";

/**
 * Opens a session with the first server that accepts the login and has the wanted role.
 *
 * After a server that cannot be reached, that breaks off or is about to stop, the next one is tried. A
 * server that refuses the login, or to which the driver refuses to log in, ends the search, as in libpq.
 *
 * @throws the signal's reason, the error of the only attempt, or an error that lists all attempts.
 */
export async function openSession(settings: Settings, signal?: Signal): Promise<Found> {
  const search: Search = { settings, signal, failures: [], token: undefined };
  const roles = rolesOf(settings.targetSessionAttrs);
  for (const role of settings.sock === undefined ? roles : roles.slice(-1)) {
    for (const target of inOrder(settings, settings.targets)) {
      const session = await searchHost(search, target, role);
      if (session !== undefined) return { session, target };
    }
  }
  throw summary(search.failures);
}

/** The result of the search. */
export interface Found {
  readonly session: Session;
  /** The target of the settings that was reached. */
  readonly target: Target;
}

interface Search {
  readonly settings: Settings;
  readonly signal: Signal | undefined;
  /** The failed attempts, in order. */
  readonly failures: Failure[];
  /** A bearer token that was obtained during the search. */
  token: string | undefined;
}

async function searchHost(
  search: Search,
  target: Target,
  role: Role,
): Promise<Session | undefined> {
  for (const address of await addressesOf(search, target)) {
    const found = await searchAddress(search, { ...target, address }, role);
    if (found instanceof Session) return found;
    if (found === "next host") return undefined;
    if (found === "stop") throw summary(search.failures);
  }
  return undefined;
}

/** Returns the addresses of a host's name; if it cannot be resolved, none, and notes a failure. */
async function addressesOf(
  search: Search,
  target: Target,
): Promise<readonly (Address | undefined)[]> {
  const { address } = target;
  if (address?.kind !== "tcp") return [address];
  const { settings, signal } = search;
  const controller = new AbortController();
  const stage = (): string => "looking up the name";
  const release = bound(controller, settings.connectTimeout, stage, signal);
  try {
    const hosts = await unlessAborted(settings.runtime.lookup(address.host), controller.signal);
    if (hosts.length === 0) {
      throw new OperationalError("the name has no address", { code: "08001", safeToRetry: true });
    }
    return inOrder(settings, [...new Set(hosts)]).map((host) => ({ ...address, host }));
  } catch (error) {
    signal?.throwIfAborted();
    const nothing = { encrypted: false, misfit: false, atStart: false, wanted: undefined };
    search.failures.push({ error: described(error, target), target, ...nothing });
    return [];
  } finally {
    release();
  }
}

/** Reports whether only one attempt is possible, because the caller gave an open connection. */
function isSingle({ address }: Target): boolean {
  return address === undefined;
}

type Next = "next address" | "next host" | "stop";

async function searchAddress(
  search: Search,
  target: Target,
  role: Role,
): Promise<Session | Next> {
  let failure: Failure | undefined;
  for (const wish of isSingle(target) ? wishes(target).slice(0, 1) : wishes(target)) {
    if (failure !== undefined && !mayTryOtherWay(failure, wish)) break;
    const found = await attempt(search, target, wish, role);
    if (found instanceof Session) return found;
    search.failures.push(failure = found);
  }
  return next(failure!);
}

/** Returns the ways to try an address, by its sslMode, in libpq's order. */
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
 * Reports whether `allow` may try with TLS and `prefer` without: only if the server's access rules
 * refused the first way. A failed handshake or certificate, a lost connection or a wrong password must
 * not lead to a connection without TLS.
 */
function mayTryOtherWay({ error, encrypted }: Failure, wish: TlsWish): boolean {
  const isOther = encrypted === (wish === "never");
  return isOther && isReport(error) && error.code === "28000";
}

/** The server is starting, stopping, or recovering from a crash. */
const ABSENT: ReadonlySet<string | undefined> = new Set(["57P01", "57P02", "57P03"]);

function next({ error, misfit }: Failure): Next {
  if (misfit) return "next host";
  if (isReport(error)) return ABSENT.has(error.code) ? "next host" : "stop";
  const refused = error instanceof PgError && error.code?.startsWith("28");
  const ours = error instanceof InterfaceError || isUnsupported(error);
  return refused || ours ? "stop" : "next address";
}

function isUnsupported(error: Error): boolean {
  return error instanceof PgError && error.code === "0A000";
}

/** Makes an attempt, and another one with a token that the server asks for or with protocol 3.0. */
async function attempt(
  search: Search,
  target: Target,
  wish: TlsWish,
  role: Role,
): Promise<Session | Failure> {
  const { settings, signal } = search;
  let version: Plan["version"] = settings.maxProtocolVersion;
  for (;;) {
    signal?.throwIfAborted();
    const { token } = search;
    const found = await attemptOnce(settings, { target, wish, role, version, token }, signal);
    if (found instanceof Session) return found;
    signal?.throwIfAborted();
    if (isSingle(target)) return found;
    if (found.wanted !== undefined && token === undefined) {
      search.token = await obtainToken(search, found.wanted);
    } else if (version > settings.minProtocolVersion && isDropped(found)) {
      version = "3.0";
    } else return version === "3.2" && isDropped(found) ? remarked(found) : found;
  }
}

/**
 * Reports whether a server may have refused the start because it neither knows protocol 3.2 nor
 * negotiates: PgBouncer before 1.20 (08P01), PostgreSQL before 9.3 (0A000), pgagroal, which sends an
 * error without a length (08004), and Odyssey, which closes the connection (08006).
 */
function isDropped({ error, atStart }: Failure): boolean {
  if (!atStart || !(error instanceof PgError)) return false;
  return (isReport(error) ? ["08P01", "0A000"] : ["08006", "08004"]).includes(error.code!);
}

function remarked(found: Failure): Failure {
  found.error.message +=
    "; poolers without protocol 3.2, the least that minProtocolVersion allows, do the same";
  return found;
}

async function obtainToken(search: Search, wanted: OAuthRefusal): Promise<string> {
  const { issuer, clientId, clientSecret, scope, prompt } = search.settings.oauth!;
  // Loaded when a server asks for it, because few do.
  const { deviceFlowToken } = await import("../auth/device_flow.ts");
  return await deviceFlowToken({
    issuer: issuer!,
    discoveryUri: wanted.discoveryUri,
    clientId: clientId!,
    clientSecret,
    scope: scope ?? wanted.scope,
    prompt: prompt!,
    signal: search.signal as AbortSignal | undefined,
  });
}

/** Returns a copy, shuffled if hosts are balanced (algorithm of Fisher and Yates). */
function inOrder<T>({ loadBalanceHosts }: Settings, list: readonly T[]): T[] {
  const copy = [...list];
  if (loadBalanceHosts !== "random") return copy;
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [copy[last], copy[other]] = [copy[other]!, copy[last]!];
  }
  return copy;
}

/**
 * Returns the error of the search: the only failure, or an error that lists all failures and has them as
 * its cause. A refusal by a server that ended the search keeps its message and fields.
 */
function summary(failures: readonly Failure[]): Error {
  const last = failures.at(-1)!;
  const { error } = last;
  if (failures.length === 1) return error;
  const list = failures.map(({ error, target }) =>
    isReport(error) ? `${place(target)}: ${error.message}` : error.message
  ).join("; ");
  const cause = new AggregateError(failures.map(({ error }) => error), list);
  if (isReport(error) && next(last) === "stop") return databaseError(error.fields, cause);
  return new OperationalError(`no server could be connected to: ${list}`, {
    code: error instanceof PgError ? error.code : "08001",
    cause,
    safeToRetry: failures.every(({ error }) => error instanceof PgError && error.safeToRetry),
  });
}
