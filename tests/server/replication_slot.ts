// A database with a slot, whose changes are read by SQL: decoders without a stream around them.
import { connect, type Connection, type ConnectOptions } from "../../mod.ts";
import { Reader } from "../../src/bytes/reader.ts";
import { openCore } from "../../src/connect.ts";
import type { ConnectionCore } from "../../src/connection_core.ts";
import { pgoutput } from "../../src/replication/pgoutput_plugin.ts";
import type {
  DecoderContext,
  LogicalDecoder,
  LogicalMessage,
  LogicalOptions,
  LogicalPlugin,
  UnknownType,
} from "../../src/replication/plugin.ts";
import { SideTypes } from "../../src/replication/stream_types.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { TypesOptions } from "../../src/types/registry.ts";
import { defaultMajor, serverQuery, sharedServer } from "../_kit/servers.ts";

/** One XLogData message. */
export interface Frame {
  readonly lsn: bigint;
  readonly data: Uint8Array;
}

/** The way in which changes are read. */
export interface Reading extends Omit<Partial<LogicalOptions>, "publications"> {
  readonly plugin?: LogicalPlugin;
  readonly rows?: "object" | "array";
  readonly types?: TypesOptions;
  readonly onUnknownType?: (type: UnknownType) => void;
}

/** A database with the publication `p` of all tables, and the slot `slot`. */
export class SlotDatabase {
  readonly db: Connection;
  readonly database: string;
  readonly major: number;
  readonly slot: string;
  readonly #cores: ConnectionCore[] = [];
  readonly #others: Connection[] = [];

  constructor(db: Connection, database: string, major: number, slot: string) {
    this.db = db;
    this.database = database;
    this.major = major;
    this.slot = slot;
  }

  /** Runs statements, each in a transaction of its own unless the text has several. */
  async run(...texts: string[]): Promise<void> {
    for (const text of texts) if (text !== "") await this.db.query(text).simple();
  }

  /** Returns the messages since the slot was created, or since `take` was last given. */
  async frames(reading: Reading = {}, take = false): Promise<Frame[]> {
    const { plugin = pgoutput(), types: _types, rows: _rows, ...options } = reading;
    const version = this.major * 10_000;
    const chosen = plugin.startOptions(version, { publications: ["p"], ...options });
    const read = take ? "get" : "peek";
    const rows = await this.db.query(
      `select lsn - '0/0' as lsn, data from pg_logical_slot_${read}_binary_changes($1, null, null,
        variadic $2::text[])`,
      [this.slot, Object.entries(chosen).flat()],
    );
    return rows.map(({ lsn, data }) => ({ lsn: BigInt(lsn as string), data: data as Uint8Array }));
  }

  /** Returns the decoded messages. */
  async messages(reading: Reading = {}, take = false): Promise<LogicalMessage[]> {
    return await this.decode(await this.frames(reading, take), this.decoder(reading));
  }

  /** Returns a decoder with the types of this database. */
  decoder(reading: Reading = {}): LogicalDecoder {
    return (reading.plugin ?? pgoutput()).decoder(this.#context(reading));
  }

  /** Decodes frames. */
  async decode(frames: readonly Frame[], decoder: LogicalDecoder): Promise<LogicalMessage[]> {
    const messages: LogicalMessage[] = [];
    for (const { lsn, data } of frames) {
      const message = await decoder.decode(new Reader(data), lsn);
      data.fill(0xff); // the bytes are the decoder's during the call only
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  #context(
    { plugin: _, rows = "object", types, onUnknownType, ...options }: Reading,
  ): DecoderContext {
    const side = new SideTypes(types, () => this.core());
    return {
      types: side,
      rows,
      options: { publications: ["p"], ...options },
      ...(onUnknownType && { onUnknownType }),
    };
  }

  /** Opens another connection to the database; it is closed with the slot. */
  async another(): Promise<Connection> {
    const db = await connect(await this.place());
    this.#others.push(db);
    return db;
  }

  /** Returns the core of a further connection to the database. */
  async core(): Promise<ConnectionCore> {
    return this.#cores[0] ??= await this.#open();
  }

  /** Returns the options to connect to the database. */
  async place(): Promise<ConnectOptions> {
    const { host, port } = await sharedServer(this.major);
    return { host, port, user: "postgres", database: this.database, sslMode: "disable" };
  }

  async #open(): Promise<ConnectionCore> {
    return await openCore(undefined, await this.place(), await detectRuntime());
  }

  async close(): Promise<void> {
    for (const { session } of this.#cores) await session.close();
    for (const db of this.#others) await db.close();
    await this.db.close();
  }
}

/** The properties of the database and its slot. */
export interface SlotSetup {
  readonly major?: number;
  /** Statements that are run before the slot is created. */
  readonly setup?: string;
  readonly plugin?: string;
  readonly twoPhase?: boolean;
}

/** Calls `work` with a database that has a publication of all tables and a slot; drops all of it. */
export async function withSlot(
  work: (slot: SlotDatabase) => Promise<void>,
  { major = defaultMajor(), setup = "", plugin = "pgoutput", twoPhase = false }: SlotSetup = {},
): Promise<void> {
  const server = await sharedServer(major);
  const database = `slot_${crypto.randomUUID().replaceAll("-", "")}`;
  await serverQuery(server, `create database ${database}`);
  const { host, port } = server;
  const db = await connect({ host, port, user: "postgres", database, sslMode: "disable" });
  const slot = new SlotDatabase(db, database, major, database);
  try {
    await slot.run("set timezone to 'UTC'", "create publication p for all tables", setup);
    const args = twoPhase ? ", false, true" : "";
    await slot.run(`select pg_create_logical_replication_slot('${database}', '${plugin}'${args})`);
    await work(slot);
  } finally {
    await slot.close();
    await serverQuery(server, `drop database ${database} with (force)`);
  }
}

/** Returns the changes of rows, without transactions and relations. */
export function changesOf(messages: readonly LogicalMessage[]): LogicalMessage[] {
  return messages.filter(({ kind }) => ["insert", "update", "delete", "truncate"].includes(kind));
}

/** A change in one line of JSON's values: kind, table, and its rows. */
export function shown(message: LogicalMessage): unknown[] {
  switch (message.kind) {
    case "insert":
      return ["insert", message.table, message.new];
    case "update":
      return ["update", message.table, message.key, message.new, message.unchanged, message.old];
    case "delete":
      return ["delete", message.table, message.key, message.old];
    case "truncate":
      return ["truncate", message.tables.map(({ table }) => table)];
    default:
      return [message.kind];
  }
}
