import { suggestion } from "../config/spelling.ts";
import { checkOptions, isConnectOption } from "../config/validate.ts";
import type { ConnectOptions, Url } from "../connect.ts";
import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import {
  BOOLEAN,
  type Check,
  fail,
  FUNCTION,
  isObject,
  NAME,
  NAMES,
  oneOf,
  record,
  rule,
  SECONDS,
  whole,
} from "./option_checks.ts";
import type { Signal } from "../runtime/runtime.ts";
import { Lsn } from "./lsn.ts";
import type { LogicalPlugin, UnknownType } from "./plugin.ts";
import type { PublicationSpec } from "./publications.ts";
import type { StreamState } from "./state.ts";

/** The options of `replicate()`, besides those of `connect()`. Durations are seconds, sizes are bytes. */
export interface ReplicateOptions extends ConnectOptions {
  /** The replication slot that keeps the stream's position on the server: its name, or an object. */
  slot: string | SlotOptions;
  /**
   * The publications whose changes come, by name, or one that is created if it does not exist. Needed
   * with `pgoutput()`; other plugins send the changes of all tables.
   */
  publication?: string | readonly string[] | PublicationOptions | undefined;
  /**
   * Whether the tables are copied before the changes. Default `"never"`.
   *
   * With `"initial"` or an object, a stream without a slot begins with a row for each row of the published
   * tables, and the slot is created only when all of them are handled. So the slot exists exactly if the
   * copy is complete, and no change is missing or repeated between the two.
   */
  snapshot?: "initial" | "never" | SnapshotOptions | undefined;
  /** The output plugin. Default `pgoutput()`, with the highest protocol version of the server. */
  plugin?: LogicalPlugin | undefined;
  /**
   * Whether values are sent in the binary format, which is faster. Default: if the codecs of all published
   * columns read it.
   */
  binary?: boolean | undefined;
  /**
   * Whether large transactions are sent while they run, before their commit. Default `false`: the server
   * keeps them on its disk, and memory stays small on both sides.
   *
   * Iterating the stream then yields parts of transactions, between events `streamStart` and
   * `streamStop`, and later `streamCommit` or `streamAbort`. `transactions()`, `batches()` and `run()`
   * collect the parts and yield only what was committed.
   */
  streaming?: false | "on" | "parallel" | undefined;
  /** The most bytes of running transactions that are collected with `streaming`. Default 64 MiB. */
  streamedBytes?: number | undefined;
  /** Whether messages of `pg_logical_emit_message()` come. Default `false`. */
  messages?: boolean | undefined;
  /** `"none"` leaves out transactions that were replicated from elsewhere. Default `"any"`. */
  origin?: "any" | "none" | undefined;
  /**
   * The position that the receiver has stored: transactions that committed before it do not come.
   * Default: the slot's position.
   */
  from?: Lsn | undefined;
  /**
   * `"auto"` confirms a unit when the loop asks for the next one. `"manual"` confirms by `confirm()`
   * only. Default `"auto"`.
   */
  confirm?: "auto" | "manual" | undefined;
  /** The longest time between two status messages. Default: a third of `wal_sender_timeout`, at most 10. */
  statusInterval?: number | undefined;
  /**
   * The bytes of received changes, with 1 kB more for each, that may wait for the reader before reading
   * stops. Default 1 MiB.
   */
  windowBytes?: number | undefined;
  /** Whether, and how, a lost connection is replaced. Default: for ever, with pauses up to 30 seconds. */
  reconnect?: boolean | ReconnectOptions | undefined;
  /**
   * `"snapshot"` replaces a lost slot by a new one with a new copy of the tables. Default `"error"`: the
   * stream ends with a `SlotLostError`.
   */
  onSlotLost?: "error" | "snapshot" | undefined;
  /**
   * `"wait"` waits until missing publications are created; changes that are made before that do not
   * come. Default `"error"`: the stream ends with a `PublicationMissingError`.
   */
  onMissingPublication?: "error" | "wait" | undefined;
  /** Called when the state changes. An error that it throws is ignored. */
  onState?: ((state: StreamState) => void) | undefined;
  /**
   * Called once for each type that the catalogue does not have any more: values of it are text, or bytes
   * in the binary format. An error that it throws is ignored.
   */
  onUnknownType?: ((type: UnknownType) => void) | undefined;
  /**
   * Stops the stream: the loop ends when it asks for the next unit, and the one before is confirmed. The
   * loop does not throw.
   */
  signal?: Signal | undefined;
}

/** The slot of a change stream. */
export interface SlotOptions {
  /** The slot's name: 1 to 63 characters of `a-z`, `0-9` and `_`. */
  name: string;
  /** Whether a missing slot is created when the stream starts. Default `true`. */
  create?: boolean | undefined;
  /** Whether the slot ends with the connection; then nothing survives a lost one. Default `false`. */
  temporary?: boolean | undefined;
  /** Whether standbys keep a copy of the slot, from which the stream goes on after a failover (17). */
  failover?: boolean | undefined;
  /** Whether prepared transactions come at PREPARE TRANSACTION (15). Default `false`. */
  twoPhase?: boolean | undefined;
}

/** A publication that is created if it does not exist. */
export interface PublicationOptions {
  /** The publication's name. */
  name: string;
  /** The content of the publication if it must be created. An existing one is left as it is. */
  create: PublicationSpec;
}

/** The copy of the tables that precedes the changes. */
export interface SnapshotOptions {
  /** The tables to copy: `public.orders`. Default: all published ones. */
  tables?: readonly string[] | undefined;
  /** The number of connections that read tables. Default: 1, from 4 tables 2, from 16 tables 4. */
  parallel?: number | undefined;
  /** `"key"` reads the rows of a table in the order of its primary key. Default `"none"`. */
  order?: "key" | "none" | undefined;
}

/** The replacement of lost connections. */
export interface ReconnectOptions {
  /** The most attempts in sequence. Default: no limit. */
  attempts?: number | undefined;
  /** The longest pause between two attempts. Default 30. */
  maxDelay?: number | undefined;
}

/** The options with their defaults. */
export interface ReplicateSettings {
  /** The connection string, which `connection` overrides. */
  readonly dsn: string | Url | undefined;
  readonly connection: ConnectOptions;
  readonly slot: Readonly<Required<SlotOptions>>;
  readonly publications: readonly string[];
  readonly publicationToCreate: PublicationOptions | undefined;
  readonly snapshot: SnapshotOptions | undefined;
  readonly plugin: LogicalPlugin | undefined;
  /** `undefined`: binary where all types allow it. */
  readonly binary: boolean | undefined;
  readonly streaming: false | "on" | "parallel";
  readonly streamedBytes: number;
  readonly messages: boolean;
  readonly origin: "any" | "none" | undefined;
  readonly from: Lsn | undefined;
  readonly isAutomatic: boolean;
  readonly statusInterval: number | undefined;
  readonly windowBytes: number;
  readonly reconnect: { readonly attempts: number; readonly maxDelay: number };
  readonly onSlotLost: "error" | "snapshot";
  readonly onMissingPublication: "error" | "wait";
  readonly onState: ((state: StreamState) => void) | undefined;
  readonly onUnknownType: ((type: UnknownType) => void) | undefined;
  readonly signal: Signal | undefined;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {InterfaceError} an option is missing, unknown or wrong; the message names it.
 */
export function replicateSettings(
  dsn: string | Url | undefined,
  options: ReplicateOptions,
): ReplicateSettings {
  if (!isObject(options)) throw new InterfaceError("the options of replicate() must be an object");
  const connection = own<Record<string, unknown>>();
  const given: Record<string, unknown> = own<Record<string, unknown>>();
  for (const [name, value] of Object.entries(options)) {
    if (isOwn(name)) {
      if (value !== undefined) CHECKS[name](name, value);
      given[name] = value;
    } else if (isConnectOption(name)) connection[name] = value;
    else throw unknown(name);
  }
  if (given.slot === undefined) throw new InterfaceError("slot must be given");
  for (const name of REFUSED) {
    if (connection[name] !== undefined) {
      throw new InterfaceError(`${name} is no option of replicate(), ${REASONS[name]}`);
    }
  }
  checkOptions(connection);
  return settingsOf(dsn, given as unknown as ReplicateOptions, connection);
}

function settingsOf(
  dsn: string | Url | undefined,
  given: ReplicateOptions,
  connection: ConnectOptions,
): ReplicateSettings {
  const slot = typeof given.slot === "string" ? { name: given.slot } : own<SlotOptions>(given.slot);
  const settings: ReplicateSettings = {
    dsn,
    connection,
    slot: {
      name: slot.name,
      create: slot.create ?? true,
      temporary: slot.temporary ?? false,
      failover: slot.failover ?? false,
      twoPhase: slot.twoPhase ?? false,
    },
    publications: publicationNames(given.publication),
    publicationToCreate: isObject(given.publication)
      ? given.publication as PublicationOptions
      : undefined,
    snapshot: snapshotOf(given.snapshot),
    plugin: given.plugin,
    binary: given.binary,
    streaming: given.streaming ?? false,
    streamedBytes: given.streamedBytes ?? 64 << 20,
    messages: given.messages ?? false,
    origin: given.origin,
    from: given.from,
    isAutomatic: given.confirm !== "manual",
    statusInterval: given.statusInterval,
    windowBytes: given.windowBytes ?? 1 << 20,
    reconnect: reconnectOf(given.reconnect),
    onSlotLost: given.onSlotLost ?? "error",
    onMissingPublication: given.onMissingPublication ?? "error",
    onState: given.onState,
    onUnknownType: given.onUnknownType,
    signal: given.signal,
  };
  checkTogether(settings);
  return settings;
}

function publicationNames(given: ReplicateOptions["publication"]): readonly string[] {
  if (given === undefined) return [];
  if (typeof given === "string") return [given];
  return Array.isArray(given) ? [...given] : [(given as PublicationOptions).name];
}

function snapshotOf(given: ReplicateOptions["snapshot"]): SnapshotOptions | undefined {
  if (given === undefined || given === "never") return undefined;
  return given === "initial" ? {} : own<SnapshotOptions>(given);
}

function reconnectOf(given: ReplicateOptions["reconnect"]): ReplicateSettings["reconnect"] {
  if (given === false) return { attempts: 0, maxDelay: 0 };
  const { attempts = Infinity, maxDelay = 30 } = isObject(given)
    ? own<ReconnectOptions>(given)
    : own<ReconnectOptions>();
  return { attempts, maxDelay };
}

function checkTogether(settings: ReplicateSettings): void {
  const { slot, snapshot, from, onSlotLost, reconnect, publications, plugin } = settings;
  const refuse = (message: string): never => {
    throw new InterfaceError(message);
  };
  if (publications.length === 0 && (plugin?.name ?? "pgoutput") === "pgoutput") {
    refuse("publication must be given");
  }
  if (publications.length === 0 && snapshot !== undefined) refuse("snapshot needs publication");
  if (slot.temporary && slot.failover) {
    refuse("slot.temporary and slot.failover exclude each other");
  }
  if (slot.temporary && !slot.create) refuse("slot.temporary needs slot.create");
  if (slot.temporary && reconnect.attempts > 0) {
    refuse("slot.temporary needs reconnect: false, because the slot ends with its connection");
  }
  if (snapshot !== undefined && slot.temporary) {
    refuse("snapshot needs a permanent slot; leave out slot.temporary");
  }
  if (snapshot !== undefined && !slot.create) refuse("snapshot needs slot.create");
  if (snapshot !== undefined && from !== undefined) refuse("snapshot and from exclude each other");
  if (onSlotLost === "snapshot" && snapshot === undefined) {
    refuse('onSlotLost: "snapshot" needs the option snapshot');
  }
}

/** Options of `connect()` that a change stream cannot have. */
const REFUSED = ["replication", "sock", "queryTimeout"] as const;
const REASONS: Readonly<Record<string, string>> = {
  replication: "which sets it by itself",
  sock: "which opens several connections; use dial",
  queryTimeout: "because a stream has no end",
};

function unknown(name: string): InterfaceError {
  return new InterfaceError(
    `unknown option "${name}" of replicate()${suggestion(name, Object.keys(CHECKS))}`,
  );
}

/** Source: slot.c, `ReplicationSlotValidateName`. */
const SLOT_NAME = rule(
  (value) => typeof value === "string" && /^[a-z0-9_]{1,63}$/.test(value),
  "a name of 1 to 63 characters of a-z, 0-9 and _",
);

const SLOT = record(
  { name: SLOT_NAME, create: BOOLEAN, temporary: BOOLEAN, failover: BOOLEAN, twoPhase: BOOLEAN },
  "name",
);

/** `publications.create()` checks the details of tables. */
const PUBLICATION = record(
  {
    name: NAME,
    create: record({
      tables: (name, value) => {
        if (value === "all") return;
        if (!Array.isArray(value) || value.length === 0) fail(name, '"all" or a list of tables');
      },
      schemas: NAMES,
      publish: NAMES,
      viaRoot: BOOLEAN,
      generated: oneOf("none", "stored"),
    }),
  },
  "name",
  "create",
);

const SNAPSHOT = record({ tables: NAMES, parallel: whole(1), order: oneOf("key", "none") });
const RECONNECT = record({ attempts: whole(0), maxDelay: SECONDS });

type OwnOption = Exclude<keyof ReplicateOptions, keyof ConnectOptions> | "signal";

function isOwn(name: string): name is OwnOption {
  return Object.hasOwn(CHECKS, name);
}

/** The checks of the options that are not those of `connect()`. */
const CHECKS: Readonly<Record<OwnOption, Check>> = {
  slot: (name, value) => (isObject(value) ? SLOT : SLOT_NAME)(name, value),
  publication: (name, value) => {
    if (isObject(value)) PUBLICATION(name, value);
    else (Array.isArray(value) ? NAMES : NAME)(name, value);
  },
  snapshot: (name, value) => (isObject(value) ? SNAPSHOT : oneOf("initial", "never"))(name, value),
  plugin: rule(
    (value) =>
      isObject(value) && typeof value.name === "string" && typeof value.decoder === "function",
    "an output plugin, such as pgoutput()",
  ),
  binary: BOOLEAN,
  streaming: oneOf(false, "on", "parallel"),
  streamedBytes: whole(1),
  messages: BOOLEAN,
  origin: oneOf("any", "none"),
  from: rule((value) => value instanceof Lsn, "an Lsn, such as Lsn.parse(text)"),
  confirm: oneOf("auto", "manual"),
  statusInterval: SECONDS,
  windowBytes: whole(1),
  reconnect: (name, value) => (typeof value === "boolean" ? BOOLEAN : RECONNECT)(name, value),
  onSlotLost: oneOf("error", "snapshot"),
  onMissingPublication: oneOf("error", "wait"),
  onState: FUNCTION,
  onUnknownType: FUNCTION,
  signal: rule(isObject, "an AbortSignal"),
};
