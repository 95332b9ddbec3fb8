import type { Password } from "../config/target.ts";
import type { ConnectOptions } from "../connect.ts";
import type { Connection } from "../connection.ts";
import { suggestion } from "../config/spelling.ts";
import { isConnectOption } from "../config/validate.ts";
import {
  bool,
  callback,
  type Check,
  checkOptions,
  fail,
  object,
  oneOf,
  seconds,
  whole,
} from "../errors/checks.ts";
import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { RetireReason } from "./slot.ts";

/** The options of a pool. All durations are seconds; 0 is no limit. */
export interface PoolOptions {
  /** The pool's name in traces. Default: `host:port/database`. */
  name?: string | undefined;
  /** The most connections. Default 10. */
  max?: number | undefined;
  /** Connections that stay open while they are idle. Default 0. */
  min?: number | undefined;
  /** The time after which an idle connection is closed. Default 600. */
  idleTimeout?: number | undefined;
  /**
   * The time after which a connection is closed once it is idle. Default 3600.
   *
   * Each connection's time is shortened by up to a tenth at random, so that not all end at once.
   */
  maxLifetime?: number | undefined;
  /**
   * The number of uses after which a connection is closed. Default 0.
   *
   * Each query on a shared connection is a use, as is each exclusive checkout. 0 is no limit.
   */
  maxUses?: number | undefined;
  /** The longest wait for a connection. Default 30. */
  acquireTimeout?: number | undefined;
  /**
   * Whether calls wait when the server was never reached. Default `false`.
   *
   * Until the first connection is made, calls fail at once with the error of the attempt to connect.
   * `true` suits a program that starts together with its server. After the first connection, and while
   * the server has no free connection or is starting, calls wait anyway.
   *
   * With `"never"` a failed attempt to connect fails the calls that wait, at any time and with any
   * error, unless the pool has an open connection that may become free for them. Subscriptions wait.
   */
  waitForServer?: boolean | "never" | undefined;
  /** The most callers that may wait; further ones are refused. Default 0. */
  maxWaiting?: number | undefined;
  /**
   * The most independent queries on one connection once `max` connections are open. Default 8.
   *
   * A query waits for those sent before it on its connection. With 1 no connection is shared.
   */
  maxPipelined?: number | undefined;
  /** The idle time after which a connection is checked before it is used. Default 30. */
  validateAfterIdle?: number | undefined;
  /**
   * The way in which a session's state is undone between two borrowers. Default `"auto"`.
   *
   * The state is: settings, role, session authorization, listeners, temporary tables, the last values
   * of sequences, session-level advisory locks and held cursors.
   *
   * `"auto"`: a session that has run anything is cleaned before the next borrower's first request,
   * because functions, triggers and policies change it as well. The cleaning costs no round trip: it
   * is sent in the same write as that request, or by itself while the connection is idle. Prepared
   * statements stay. The settings of `onConnect` and of the connection's options are restored.
   * `onConnect` is called again after each use only if it leaves more than settings.
   *
   * `"text"`: only what the texts of queries show is undone. It suits applications in which no
   * function changes a session, and servers without the commands of `"auto"`.
   *
   * `"discard"`: DISCARD ALL and `onConnect` after every exclusive use. A function: the pool calls it
   * after every exclusive use, and closes the connection if it fails. With these two a shared
   * connection is cleaned as with `"auto"`.
   *
   * Behind a pooler in transaction mode nothing of this is done.
   */
  reset?:
    | "auto"
    | "text"
    | "discard"
    | ((connection: Connection) => void | Promise<void>)
    | undefined;
  /**
   * A function that is called with each new connection before it is used.
   *
   * If it fails, the connection is closed. It is not called for the connection of `listen()`.
   */
  onConnect?: ((connection: Connection) => void | Promise<void>) | undefined;
  /**
   * A function that checks a connection, and rejects or throws if it must not be used.
   *
   * It is called with each new connection, after `onConnect`, and with each that was idle for
   * `validateAfterIdle`, before it is used. It has 5 seconds. If it fails, the connection is closed. The
   * call that waits for a new connection rejects with the error; in place of an idle one the pool takes
   * another. What it changes in the session is undone. It is not called for the connection of
   * `listen()`. Default: an idle connection is checked by an empty query.
   */
  verify?: ((connection: Connection) => unknown) | undefined;
  /**
   * A function that is called when a connection is taken.
   *
   * Each query on a shared connection takes it, as does each exclusive checkout.
   */
  onAcquire?: ((event: PoolConnectionEvent) => void) | undefined;
  /** A function that is called when a connection is returned, once for each call of `onAcquire`. */
  onRelease?: ((event: PoolConnectionEvent) => void) | undefined;
  /** A function that is called when a connection has been closed or lost. */
  onRemove?: ((event: PoolRemoveEvent) => void) | undefined;
  /** The longest pause between attempts to connect while the server is away. Default 1. */
  connectBackoff?: number | undefined;
  /**
   * The interval at which the connection of `listen()` is checked. Default 10.
   *
   * A connection that has fallen silent is noticed and replaced within twice this time. 0: never.
   */
  heartbeat?: number | undefined;
  /**
   * The time after which a connection that is still held is reported to `onLeak`, once. Default 0.
   *
   * The report comes at the latest when the connection is held for a quarter longer. With this option
   * the pool records each place where a connection is taken, without it up to 500 a second.
   */
  leakWarning?: number | undefined;
  /** A function for reports of connections that are held long or were lost. Default: the console. */
  onLeak?: ((report: LeaseReport) => void) | undefined;
  /** A function for reports of connections that are returned busy or within a transaction. */
  onDirtyRelease?: ((report: LeaseReport) => void) | undefined;
  /**
   * Whether idle connections let the process end. Default `false`.
   *
   * Connections in use and open subscriptions hold the process in any case.
   */
  unref?: boolean | undefined;
  /**
   * The mode of a pooler between the pool and the server. Default `"session"`.
   *
   * With `"transaction"` each transaction may run in another session. Commands that change a session
   * are refused with a `NotSupportedError`. Statements have no names, unless `statementCacheSize` is
   * given because the pooler keeps prepared statements. Each request waits for the answer to the one
   * before, unless the connection's `maxPipelined` is given: PgBouncer 1.18 takes the session away
   * between the two, in the middle of a message if need be.
   */
  pooler?: "session" | "transaction" | undefined;
  /** The password, or a function that returns it for each new connection. */
  password?: Password | undefined;
  /** Options of the connections, which override the connection string. */
  connection?: ConnectOptions | undefined;
}

/** A connection of a pool, as `onAcquire`, `onRelease` and `onRemove` report it. */
export interface PoolConnectionEvent {
  /** The number of the server's process, as `processId` of a connection has it. */
  readonly processId: number;
  /** How often the connection was taken so far. */
  readonly uses: number;
}

/** The end of a connection of a pool. */
export interface PoolRemoveEvent extends PoolConnectionEvent {
  /** The reason for which the connection was closed; `"lost"` if the pool did not close it. */
  readonly reason: RetireReason;
  /** The error by which the connection has ended, if it did not end by a farewell. */
  readonly error: Error | undefined;
}

/** A report about a connection and how it was held. */
export interface LeaseReport {
  /** The problem. */
  readonly problem: "held long" | "lost" | "in a transaction" | "in a failed transaction" | "busy";
  /** The measure that the pool has taken. */
  readonly remedy: "none" | "rolled back" | "closed";
  /** An error whose stack shows where the connection was taken, or says that this is unknown. */
  readonly takenAt: Error;
  /** Seconds for which the connection was held. */
  readonly heldFor: number;
}

/** The options with their defaults. */
export type PoolSettings =
  & Required<Omit<PoolOptions, Optional | "password">>
  & Pick<PoolOptions, Optional>;

type Optional =
  | "name"
  | "onConnect"
  | "verify"
  | "onAcquire"
  | "onRelease"
  | "onRemove"
  | "onLeak"
  | "onDirtyRelease";

/**
 * Checks a pool's options and fills in the defaults.
 *
 * @throws {InterfaceError} an option is unknown or of a wrong type; the message names it.
 */
export function poolSettings(options: PoolOptions): PoolSettings {
  object("the pool's options", options);
  for (const name of Object.keys(options)) if (!isPoolOption(name)) throw unknown(name);
  checkOptions(options, CHECKS);
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

/** Reports whether a pool has an option of this name. */
export function isPoolOption(name: string): boolean {
  return Object.hasOwn(CHECKS, name);
}

function unknown(name: string): InterfaceError {
  if (!isConnectOption(name)) {
    return new InterfaceError(
      `unknown pool option "${name}"${suggestion(name, Object.keys(CHECKS))}`,
    );
  }
  return new InterfaceError(
    `"${name}" is an option of the connection: createPool(url, { connection: { ${name}: … } })`,
  );
}

/** The options that have a default. */
const DEFAULTS = {
  max: 10,
  min: 0,
  idleTimeout: 600,
  maxLifetime: 3600,
  maxUses: 0,
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

const CHECKS: Readonly<Record<keyof PoolOptions, Check>> = {
  name: (name, value) => {
    if (typeof value !== "string" || value === "") fail(name, "a string that is not empty");
  },
  max: whole(1),
  min: whole(0),
  idleTimeout: seconds,
  maxLifetime: seconds,
  maxUses: whole(0),
  acquireTimeout: seconds,
  waitForServer: oneOf(true, false, "never"),
  maxWaiting: whole(0),
  maxPipelined: whole(1),
  validateAfterIdle: seconds,
  reset: (name, value) => {
    if (typeof value !== "function") oneOf("auto", "text", "discard")(name, value);
  },
  onConnect: callback,
  verify: callback,
  onAcquire: callback,
  onRelease: callback,
  onRemove: callback,
  connectBackoff: seconds,
  heartbeat: seconds,
  leakWarning: seconds,
  onLeak: callback,
  onDirtyRelease: callback,
  unref: bool,
  pooler: oneOf("session", "transaction"),
  password: () => {},
  connection: object,
};

function definite<T extends object>(options: T): T {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as T;
}
