import { InterfaceError, NotSupportedError, PgError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { Queryable } from "../queryable.ts";
import {
  type LogicalSlotOptions,
  type PhysicalSlotOptions,
  positionOf,
  slotName,
} from "./commands.ts";
import { SlotLostError } from "./errors.ts";
import { explained } from "./explain.ts";
import { Lsn } from "./lsn.ts";
import { ownQuery } from "./own_query.ts";
import { type SlotInfo, slotInfo } from "./slot_info.ts";
import * as sql from "./slot_sql.ts";
import { positionIn } from "./text_rows.ts";

/** The target of a copy of a slot. */
export interface CopySlotOptions {
  /** The kind of the slots. Default: `logical`. */
  kind?: "logical" | "physical" | undefined;
  /** Whether the copy is dropped when the connection ends. Default `false`. */
  temporary?: boolean | undefined;
  /** The output plugin of the copy. Default: that of the original. */
  plugin?: string | undefined;
}

/** The properties of a slot that is made over an ordinary connection. */
export type NewSlotOptions = Omit<LogicalSlotOptions, "snapshot"> | PhysicalSlotOptions;

/** The functions of {@linkcode slots}. */
export interface Slots {
  /** Returns the slots of the server, of all its databases, by name. */
  list(db: Queryable): Promise<SlotInfo[]>;
  /** Returns a slot; `undefined` if there is none of that name. */
  get(db: Queryable, name: string): Promise<SlotInfo | undefined>;
  /**
   * Creates a slot in the database of the connection. Returns the position from which it has all changes.
   * A logical slot waits for the end of all transactions that write at the moment.
   *
   * @throws {ReplicationSetupError} `wal_level` is too low, the role may not replicate, or
   * `max_replication_slots` is reached.
   * @throws {ProgrammingError} the slot exists (42710).
   */
  create(db: Queryable, name: string, options?: NewSlotOptions): Promise<Lsn>;
  /**
   * Drops a slot. Returns whether there was one.
   *
   * @throws {SlotBusyError} a connection uses the slot.
   */
  drop(db: Queryable, name: string): Promise<boolean>;
  /**
   * Moves a slot forward: changes up to the position are never sent. Returns the position that was
   * reached, at most the end of the server's WAL.
   *
   * @throws {SlotLostError} there is no such slot.
   * @throws {SlotBusyError} a connection uses the slot.
   * @throws {OperationalError} the position is before the slot's own (55000).
   */
  advance(db: Queryable, name: string, to: Lsn): Promise<Lsn>;
  /**
   * Copies a slot with its position. Returns the position. A logical copy has neither `twoPhase` nor
   * `failover`.
   *
   * @throws {SlotLostError} there is no such slot.
   */
  copy(db: Queryable, from: string, to: string, options?: CopySlotOptions): Promise<Lsn>;
  /**
   * Reports whether a standby has a synchronized copy of a failover slot, so that a consumer can go on
   * with it after the standby is promoted (PostgreSQL 17).
   *
   * @throws {NotSupportedError} the server is older.
   */
  ready(standby: Queryable, name: string): Promise<boolean>;
}

/**
 * Helpers for replication slots over an ordinary connection or a pool.
 *
 * @example
 * ```ts ignore
 * for (const { name, behind, walStatus } of await slots.list(db)) {
 *   console.log(`${name}: ${behind} bytes behind, ${walStatus}`);
 * }
 * ```
 */
export const slots: Slots = { list, get, create, drop, advance, copy, ready };

async function list(db: Queryable): Promise<SlotInfo[]> {
  const rows = await ownQuery(db, sql.SLOTS);
  return rows.map(([json, position]) => slotInfo(json!, position!));
}

async function get(db: Queryable, name: string): Promise<SlotInfo | undefined> {
  slotName(name);
  const [row] = await ownQuery(db, sql.slotNamed("$1"), [name]);
  return row && slotInfo(row[0]!, row[1]!);
}

async function create(db: Queryable, name: string, options: NewSlotOptions = {}): Promise<Lsn> {
  slotName(name);
  const given = { ...options };
  const { temporary = false } = given;
  if (given.kind === "physical") {
    const parameters = [name, given.reserveWal ?? false, temporary];
    const lsn = await one(db, sql.CREATE_PHYSICAL_SLOT, parameters, name);
    return lsn === null ? Lsn.zero : positionIn(lsn);
  }
  if ("snapshot" in given && given.snapshot !== undefined) {
    throw new InterfaceError("snapshot: only createSlot() of a replication connection exports one");
  }
  const { plugin = "pgoutput", twoPhase = false, failover = false } = given;
  const parameters = [name, plugin, temporary, twoPhase];
  return positionIn(await one(db, sql.createLogicalSlot(failover), parameters, name));
}

async function drop(db: Queryable, name: string): Promise<boolean> {
  slotName(name);
  return await one(db, sql.DROP_SLOT, [name], name) !== undefined;
}

async function advance(db: Queryable, name: string, to: Lsn): Promise<Lsn> {
  slotName(name);
  if (to === undefined) throw new InterfaceError("advance() needs a position");
  return positionIn(await one(db, sql.ADVANCE_SLOT, [name, String(positionOf(to, "to"))], name));
}

async function copy(
  db: Queryable,
  from: string,
  to: string,
  options?: CopySlotOptions,
): Promise<Lsn> {
  slotName(from);
  slotName(to);
  const { kind = "logical", temporary = false, plugin = null } = own<CopySlotOptions>(options);
  const lsn = kind === "physical"
    ? await one(db, sql.COPY_PHYSICAL_SLOT, [from, to, temporary], from)
    : await one(db, sql.COPY_LOGICAL_SLOT, [from, to, temporary, plugin], from);
  if (lsn === undefined) throw new SlotLostError(from, "missing");
  return lsn === null ? Lsn.zero : positionIn(lsn);
}

async function ready(standby: Queryable, name: string): Promise<boolean> {
  const slot = await get(standby, name);
  if (slot === undefined) return false;
  if (slot.synced === undefined) throw new NotSupportedError("ready() needs PostgreSQL 17");
  return slot.synced && !slot.temporary && slot.invalidationReason === undefined;
}

/** Runs a text that returns at most one row, and returns its first value. */
async function one(
  db: Queryable,
  text: string,
  parameters: readonly unknown[],
  slot: string,
): Promise<string | null | undefined> {
  try {
    const [row] = await ownQuery(db, text, parameters);
    return row?.[0];
  } catch (error) {
    if (error instanceof PgError && error.code === "42704") {
      throw new SlotLostError(slot, "missing");
    }
    throw explained(error, slot);
  }
}
