import type { Password } from "../config/target.ts";
import type { ConnectOptions } from "../connect.ts";
import type { Connection } from "../connection.ts";
import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";

/** What a pool is told besides how to connect. All durations are seconds; 0 is no limit. */
export interface PoolOptions {
  /** Its name in traces. Default: `host:port/database`. */
  name?: string | undefined;
  /** Connections at most. Default 10. */
  max?: number | undefined;
  /** Connections that are kept open even when nobody needs them. Default 0. */
  min?: number | undefined;
  /** How long a connection may lie idle before it is closed. Default 600. */
  idleTimeout?: number | undefined;
  /**
   * How long a connection may live, shortened by up to a tenth at random so that not all end at
   * once; one that is busy ends when it is given back. Default 3600.
   */
  maxLifetime?: number | undefined;
  /** How long to wait for a connection. Default 30. */
  acquireTimeout?: number | undefined;
  /**
   * Whether callers wait although no connection has ever been made and the server cannot be reached:
   * for a program that starts together with its server. Default `false`: they fail with that error at
   * once. After the first connection, and while the server has no free connection or is starting,
   * they wait anyway.
   */
  waitForServer?: boolean | undefined;
  /** How many may wait; who comes then is refused. Default 0: no limit. */
  maxWaiting?: number | undefined;
  /**
   * How many independent queries may share one connection once `max` are open and none is idle; 1:
   * none do. A query waits for those that were sent before it on its connection. Default 8.
   */
  maxPipelined?: number | undefined;
  /** How long a connection may lie idle before it is asked whether it still lives. Default 30. */
  validateAfterIdle?: number | undefined;
  /**
   * How a session's state is undone between two borrowers: settings, role, session authorization,
   * listeners, temporary tables, sequences' last values, session-level advisory locks and held
   * cursors.
   *
   * `"auto"` (the default): a session that has run anything is cleaned before its next borrower's
   * first request, because functions, triggers and policies change it as well. The cleaning costs no
   * round trip: it is sent in the same write as that request, or by itself while the connection is
   * idle. Prepared statements stay. The settings of `onConnect` and of the connection's options are
   * restored. `onConnect` is called again after each use only when it has left anything else.
   *
   * `"text"`: only what the texts of the queries show is undone, for applications in which no function
   * changes a session, and for servers without these commands. `"discard"`: DISCARD ALL, then
   * `onConnect`, after every exclusive use. A function: it is called after every exclusive use; when
   * it fails, the connection is closed. With the last two a shared connection is cleaned as with
   * `"auto"`. Behind a pooler in transaction mode nothing of it is done.
   */
  reset?:
    | "auto"
    | "text"
    | "discard"
    | ((connection: Connection) => void | Promise<void>)
    | undefined;
  /**
   * Called with each new connection before it is used, but for the one of `listen()`; when it fails,
   * that connection is closed.
   */
  onConnect?: ((connection: Connection) => void | Promise<void>) | undefined;
  /** The longest pause between attempts to connect while the server is away. Default 1. */
  connectBackoff?: number | undefined;
  /**
   * How often the connection of `listen()` is asked whether it lives: one that has fallen silent is
   * noticed within twice this time, and replaced. Default 10; 0: never.
   */
  heartbeat?: number | undefined;
  /**
   * A connection that is held longer is reported to `onLeak`, once, at the latest when it is held a
   * quarter longer. Where each was taken is noted then; without, for 500 a second at most. Default 0:
   * never.
   */
  leakWarning?: number | undefined;
  /** Told of connections that are held long or were lost. Default: a line on the console. */
  onLeak?: ((report: LeaseReport) => void) | undefined;
  /** Told of connections that were given back within a transaction, or busy. */
  onDirtyRelease?: ((report: LeaseReport) => void) | undefined;
  /**
   * Whether idle connections let the process end. Default `false`. What is in use, an open
   * subscription for one, holds it.
   */
  unref?: boolean | undefined;
  /**
   * What stands between. With `"transaction"` (PgBouncer's transaction mode) each transaction may be in
   * another session: what would change a session's state is refused with a `NotSupportedError`; no
   * statement has a name, unless `statementCacheSize` is given because the pooler keeps them; and
   * nothing is sent behind a request that is not answered, unless the connection's `maxPipelined` is
   * given: PgBouncer 1.18 takes the session away between the two, amid a message if need be.
   * Default `"session"`.
   */
  pooler?: "session" | "transaction" | undefined;
  /** Asked for the password at every connect; goes before the connection's own. */
  password?: Password | undefined;
  /** Laid over the connection string. */
  connection?: ConnectOptions | undefined;
}

/** What became of a connection that somebody held. */
export interface LeaseReport {
  /** What is wrong with it. */
  readonly problem: "held long" | "lost" | "in a transaction" | "in a failed transaction" | "busy";
  /** What was done about it. */
  readonly remedy: "none" | "rolled back" | "closed";
  /** Where it was taken: an error whose stack tells, or says that it was not noted. */
  readonly takenAt: Error;
  /** Seconds that it was held. */
  readonly heldFor: number;
}

/** The options with their defaults. */
export type PoolSettings =
  & Required<Omit<PoolOptions, Optional | "password">>
  & Pick<PoolOptions, Optional>;

type Optional = "name" | "onConnect" | "onLeak" | "onDirtyRelease";

/**
 * Checks what a pool is told.
 *
 * @throws {InterfaceError} an option is unknown or of a wrong type; the message names it.
 */
export function poolSettings(options: PoolOptions): PoolSettings {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name)) throw new InterfaceError(`unknown pool option "${name}"`);
    const [isRight, what] = CHECKS[name as keyof PoolOptions];
    if (value !== undefined && !isRight(value)) throw new InterfaceError(`${name} must be ${what}`);
  }
  const { password, connection, pooler, ...others } = own(options);
  const given = { ...others, pooler };
  const usual = pooler === "transaction" ? { ...DEFAULTS, maxPipelined: 1 } : DEFAULTS;
  const settings = own<PoolSettings>({
    ...usual,
    ...definite(given),
    connection: { ...connection },
  });
  if (password !== undefined) settings.connection.password = password;
  if (settings.min > settings.max) throw new InterfaceError("min is above max");
  return settings;
}

const DEFAULTS = {
  max: 10,
  min: 0,
  idleTimeout: 600,
  maxLifetime: 3600,
  acquireTimeout: 30,
  waitForServer: false,
  maxWaiting: 0,
  maxPipelined: 8,
  validateAfterIdle: 30,
  reset: "auto",
  connectBackoff: 1,
  heartbeat: 10,
  leakWarning: 0,
  unref: false,
  pooler: "session",
} as const satisfies PoolOptions;

type Check = readonly [isRight: (value: unknown) => boolean, what: string];

const COUNT: Check = [(value) => isWhole(value, 1), "a whole number from 1"];
const COUNT_OR_NONE: Check = [(value) => isWhole(value, 0), "a whole number from 0"];
const SECONDS: Check = [isSeconds, "a number of seconds from 0 to 2147483"];
const BOOLEAN: Check = [(value) => typeof value === "boolean", "a boolean"];
const FUNCTION: Check = [isFunction, "a function"];

const CHECKS: Readonly<Record<keyof PoolOptions, Check>> = {
  name: [(value) => typeof value === "string" && value !== "", "a string that is not empty"],
  max: COUNT,
  min: COUNT_OR_NONE,
  idleTimeout: SECONDS,
  maxLifetime: SECONDS,
  acquireTimeout: SECONDS,
  waitForServer: BOOLEAN,
  maxWaiting: COUNT_OR_NONE,
  maxPipelined: COUNT,
  validateAfterIdle: SECONDS,
  reset: [
    (value) => isReset(value) || isFunction(value),
    '"auto", "text", "discard" or a function',
  ],
  onConnect: FUNCTION,
  connectBackoff: SECONDS,
  heartbeat: SECONDS,
  leakWarning: SECONDS,
  onLeak: FUNCTION,
  onDirtyRelease: FUNCTION,
  unref: BOOLEAN,
  pooler: [(value) => value === "session" || value === "transaction", '"session" or "transaction"'],
  password: [() => true, "a password"],
  connection: [(value) => typeof value === "object" && value !== null, "an object"],
};

function isReset(value: unknown): boolean {
  return value === "auto" || value === "text" || value === "discard";
}

function isWhole(value: unknown, least: number): boolean {
  return Number.isInteger(value) && (value as number) >= least;
}

/** A timer takes milliseconds in 31 bits. */
function isSeconds(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 2147483;
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function definite<T extends object>(options: T): T {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as T;
}
