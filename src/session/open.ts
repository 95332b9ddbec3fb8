/**
 * Opens a session from settings: tries each host, each address of a host, and each address in the ways
 * that its sslMode allows.
 *
 * Source: PostgreSQL 18 manual, "Specifying Multiple Hosts", `target_session_attrs` and
 * `load_balance_hosts`; `PQconnectPoll` of `fe-connect.c`.
 */
import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import { OperationalError } from "../errors/errors.ts";
import type { Address, Signal } from "../runtime/runtime.ts";
import { attemptOnce, failureCode, type Plan } from "./attempt.ts";
import { bound, unlessAborted } from "./deadline.ts";
import type { TlsWish } from "./dial.ts";
import type { Failure, Next } from "./failure.ts";
import type { Role } from "./role.ts";
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
  throw await summary(search);
}

/** Returns the roles of the passes over all servers: `prefer-standby` takes any server in the second. */
function rolesOf(attrs: Settings["targetSessionAttrs"]): readonly Role[] {
  return attrs === "prefer-standby" ? ["standby", "any"] : [attrs];
}

/** Returns the error of the search. */
async function summary({ failures }: Search): Promise<Error> {
  const code = await failureCode(failures.at(-1)!.error);
  return code.summary(failures);
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
    const place = address === target.address ? target : { ...target, address };
    const found = await searchAddress(search, place, role);
    if (found instanceof Session) return found;
    if (found === "next host") return undefined;
    if (found === "stop") throw await summary(search);
  }
  return undefined;
}

/** Returns the addresses of a host's name; if it cannot be resolved, none, and notes a failure. */
async function addressesOf(
  search: Search,
  target: Target,
): Promise<readonly (Address | undefined)[]> {
  const { address } = target;
  if (address?.kind !== "tcp" || NUMERIC.test(address.host)) return [address];
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
    const { Failure } = await failureCode(error);
    search.failures.push(new Failure(error, target, settings.runtime));
    return [];
  } finally {
    release();
  }
}

/** Matches an address of four numbers, which needs no lookup. */
const NUMERIC = /^(?:(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])(?:\.(?!$)|$)){4}$/;

/** Reports whether only one attempt is possible, because the caller gave an open connection. */
function isSingle({ address }: Target): boolean {
  return address === undefined;
}

async function searchAddress(
  search: Search,
  target: Target,
  role: Role,
): Promise<Session | Next> {
  let failure: Failure | undefined;
  for (const wish of isSingle(target) ? wishes(target).slice(0, 1) : wishes(target)) {
    if (failure !== undefined && !failure.mayTry(wish)) break;
    const found = await attempt(search, target, wish, role);
    if (found instanceof Session) return found;
    search.failures.push(failure = found);
  }
  return failure!.next;
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
      const { obtainToken } = await failureCode(found.error);
      search.token = await obtainToken(settings, signal, found.wanted);
    } else if (version > settings.minProtocolVersion && found.isDropped) {
      version = "3.0";
    } else return version === "3.2" && found.isDropped ? found.remark() : found;
  }
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
