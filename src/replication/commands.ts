/**
 * The texts of replication commands, by the server's major version.
 *
 * Identifiers are in double quotes, strings in single quotes, which are doubled inside; a backslash
 * means nothing. Source: repl_gram.y, repl_scanner.l.
 */
import { InterfaceError, NotSupportedError } from "../errors/errors.ts";
import { quoteIdentifier } from "../query/quote.ts";
import { Lsn } from "./lsn.ts";

/** Properties of a new logical slot. */
export interface LogicalSlotOptions {
  /** The kind of slot; absent: `logical`. */
  kind?: "logical" | undefined;
  /** The output plugin. Default: `"pgoutput"`. */
  plugin?: string | undefined;
  /** Whether the slot is dropped when the connection ends, and with any error on it. */
  temporary?: boolean | undefined;
  /**
   * `export`: a snapshot of the moment at which the slot begins, for other connections, until the next
   * command on this one. `use`: the transaction of this connection reads that snapshot. Default:
   * `nothing`.
   */
  snapshot?: "export" | "use" | "nothing" | undefined;
  /** Whether prepared transactions are decoded at PREPARE (PostgreSQL 15). */
  twoPhase?: boolean | undefined;
  /** Whether standbys synchronize the slot, so that it survives a failover (PostgreSQL 17). */
  failover?: boolean | undefined;
}

/** Properties of a new physical slot. */
export interface PhysicalSlotOptions {
  /** The kind of slot. */
  kind: "physical";
  /** Whether the slot is dropped when the connection ends, and with any error on it. */
  temporary?: boolean | undefined;
  /** Whether WAL is kept from now on, and not from the first use on. */
  reserveWal?: boolean | undefined;
}

/** Properties of a slot to change. */
export interface AlterSlotOptions {
  /** Whether standbys synchronize the slot (PostgreSQL 17). */
  failover?: boolean | undefined;
  /** Whether prepared transactions are decoded at PREPARE (PostgreSQL 18). */
  twoPhase?: boolean | undefined;
}

/** Options of an output plugin. Booleans are sent as `true` and `false`. */
export type PluginOptions = Readonly<Record<string, string | number | boolean | undefined>>;

/** Returns the text that shows a run-time parameter. */
export function show(name: string): string {
  return ["SHOW", quoteIdentifier(...String(name).split("."))].join(" ");
}

/** Returns the text that creates a slot. */
export function createSlot(
  major: number,
  name: string,
  options: LogicalSlotOptions | PhysicalSlotOptions,
): string {
  const temporary = options.temporary ? ["TEMPORARY"] : [];
  const what = options.kind === "physical"
    ? ["PHYSICAL", ...physicalOptions(major, options)]
    : ["LOGICAL", quoteIdentifier(options.plugin ?? "pgoutput"), ...logicalOptions(major, options)];
  return ["CREATE_REPLICATION_SLOT", slotName(name), ...temporary, ...what].join(" ");
}

function physicalOptions(major: number, { reserveWal }: PhysicalSlotOptions): string[] {
  if (!reserveWal) return [];
  return [major >= 15 ? "(RESERVE_WAL)" : "RESERVE_WAL"];
}

const OLD_SNAPSHOTS = {
  export: "EXPORT_SNAPSHOT",
  use: "USE_SNAPSHOT",
  nothing: "NOEXPORT_SNAPSHOT",
} as const;

function logicalOptions(major: number, options: LogicalSlotOptions): string[] {
  const { snapshot = "nothing", twoPhase, failover } = options;
  if (!Object.hasOwn(OLD_SNAPSHOTS, snapshot)) {
    throw new InterfaceError(`snapshot must be "export", "use" or "nothing"`);
  }
  if (failover) needs("failover", 17, major);
  if (twoPhase) needs("twoPhase", 15, major);
  if (major < 15) return [OLD_SNAPSHOTS[snapshot]];
  const list = [`SNAPSHOT '${snapshot}'`];
  if (twoPhase) list.push("TWO_PHASE");
  if (failover) list.push("FAILOVER");
  return [`(${list.join(", ")})`];
}

/** Returns the text that changes a slot. */
export function alterSlot(
  major: number,
  name: string,
  { failover, twoPhase }: AlterSlotOptions,
): string {
  const list: string[] = [];
  if (failover !== undefined) list.push(`FAILOVER ${needs("failover", 17, major) && failover}`);
  if (twoPhase !== undefined) list.push(`TWO_PHASE ${needs("twoPhase", 18, major) && twoPhase}`);
  if (list.length === 0) throw new InterfaceError("alterSlot() needs failover or twoPhase");
  return `ALTER_REPLICATION_SLOT ${slotName(name)} (${list.join(", ")})`;
}

/** Returns the text that reads the position of a physical slot. */
export function readSlot(major: number, name: string): string {
  needs("readSlot()", 15, major);
  return `READ_REPLICATION_SLOT ${slotName(name)}`;
}

/** Returns the text that drops a slot. */
export function dropSlot(name: string, wait: boolean): string {
  return `DROP_REPLICATION_SLOT ${slotName(name)}${wait ? " WAIT" : ""}`;
}

/** Returns the text that starts a logical stream. */
export function startLogical(name: string, from: Lsn, options: PluginOptions): string {
  const list = Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([option, value]) => `${quoteIdentifier(option)} ${quoteString(String(value), option)}`);
  const parentheses = list.length > 0 ? ` (${list.join(", ")})` : "";
  return `START_REPLICATION SLOT ${slotName(name)} LOGICAL ${from}${parentheses}`;
}

/** Returns the text that starts a physical stream. */
export function startPhysical(
  slot: string | undefined,
  from: Lsn,
  timeline: number | undefined,
): string {
  const parts = ["START_REPLICATION"];
  if (slot !== undefined) parts.push(`SLOT ${slotName(slot)}`);
  parts.push(`PHYSICAL ${from}`);
  if (timeline !== undefined) parts.push(`TIMELINE ${timelineNumber(timeline)}`);
  return parts.join(" ");
}

/** Returns the text that asks for the history of a timeline. */
export function timelineHistory(timeline: number): string {
  return `TIMELINE_HISTORY ${timelineNumber(timeline)}`;
}

function timelineNumber(timeline: number): number {
  if (Number.isInteger(timeline) && timeline > 0 && timeline <= 0xffff_ffff) return timeline;
  throw new InterfaceError("a timeline is a whole number from 1 to 4294967295");
}

/** Returns a slot's name in quotes. The server accepts no other names for new slots. */
export function slotName(name: string): string {
  if (typeof name === "string" && /^[a-z0-9_]{1,63}$/.test(name)) return `"${name}"`;
  throw new InterfaceError(
    "the name of a replication slot consists of 1 to 63 lower-case letters, digits and underscores",
  );
}

/** Returns a position of the caller's; absent: `0/0`. */
export function positionOf(from: Lsn | undefined, what: string): Lsn {
  if (from === undefined) return Lsn.zero;
  if (from instanceof Lsn) return from;
  throw new InterfaceError(`${what} must be an Lsn, such as Lsn.parse("0/16B3748")`);
}

/** Returns a string of the replication grammar, in which only quotes are doubled. */
export function quoteString(text: string, what: string): string {
  if (text.includes("\0")) throw new InterfaceError(`${what} contains a zero byte`);
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * Returns `true` if the server has a feature.
 *
 * @throws {NotSupportedError} the server is older.
 */
export function needs(feature: string, least: number, major: number): true {
  if (major >= least) return true;
  throw new NotSupportedError(`${feature} needs PostgreSQL ${least}; the server is ${major}`);
}
