/**
 * The output plugin wal2json, an extension, in its format version 2: a JSON object for each change.
 * Source: README.md and wal2json.c of eulerto/wal2json.
 */
import type { Reader } from "../bytes/reader.ts";
import { InterfaceError, NotSupportedError, ProtocolError } from "../errors/errors.ts";
import {
  DeletedRow,
  EmittedMessage,
  InsertedRow,
  TruncatedTables,
  UpdatedRow,
} from "./change_objects.ts";
import { Lsn } from "./lsn.ts";
import type {
  DecoderContext,
  LogicalDecoder,
  LogicalMessage,
  LogicalOptions,
  LogicalPlugin,
} from "./plugin.ts";
import { type TextColumn, type TextTable, TextTables } from "./text_tables.ts";
import { TransactionHead } from "./transaction_info.ts";

/**
 * Returns the output plugin wal2json, which must be installed on the server. It needs no publication;
 * its option `add-tables` chooses tables. Events of relations do not come, and the plugin writes NaN
 * and infinite numerics as null.
 *
 * @param options further options of the plugin.
 *
 * @example
 * ```ts
 * import { wal2json } from "@cornac/pg/replication";
 *
 * wal2json({ "add-tables": "public.orders" }).name; // → "wal2json"
 * ```
 */
export function wal2json(options: Readonly<Record<string, string>> = {}): LogicalPlugin {
  if (options["format-version"] !== undefined && options["format-version"] !== "2") {
    throw new InterfaceError("wal2json: format-version must be 2, which has one object per change");
  }
  return {
    name: "wal2json",
    startOptions: (_version, asked) => ({ ...startOptions(asked), ...options }),
    decoder: (context) => new Wal2JsonDecoder(context),
  };
}

function startOptions({ streaming, twoPhase, origin }: LogicalOptions): Record<string, string> {
  if (streaming !== undefined && streaming !== false) {
    throw new NotSupportedError("wal2json does not send transactions in progress; use pgoutput()");
  }
  if (twoPhase === true) throw new NotSupportedError("wal2json has no two-phase; use pgoutput()");
  if (origin === "none") {
    throw new NotSupportedError(`wal2json has no origin: "none"; give its filter-origins`);
  }
  return {
    "format-version": "2",
    "include-xids": "true",
    "include-timestamp": "true",
    "include-lsn": "true",
    "include-type-oids": "true",
    "include-typmod": "false",
    "include-pk": "true",
  };
}

/** A column; numbers are strings, because JavaScript's would lose digits. */
interface JsonColumn {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly typeoid?: unknown;
  readonly value?: unknown;
}

type Json = Readonly<Record<string, unknown>>;

/** Strings, which stay, and numbers, which become strings. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Decodes the messages of one stream. */
class Wal2JsonDecoder implements LogicalDecoder {
  readonly #context: DecoderContext;
  readonly #tables: TextTables;
  #transaction: TransactionHead | undefined;
  #changes = 0;

  constructor(context: DecoderContext) {
    this.#context = context;
    this.#tables = new TextTables(context);
  }

  reset(): void {
    this.#transaction = undefined;
  }

  decode(reader: Reader, start: bigint): LogicalMessage | undefined | Promise<LogicalMessage> {
    const json = parse(reader.text(reader.remaining));
    switch (json.action) {
      case "I":
      case "U":
      case "D":
        return this.#row(json.action, json);
      case "B":
        return this.#begin(json);
      case "C":
        return this.#commit(json, start);
      case "T":
        return this.#truncate(json);
      case "M":
        return this.#emitted(json, start);
      default:
        throw malformed();
    }
  }

  #begin(json: Json): LogicalMessage {
    const commitLsn = lsnOf(json.lsn) ?? Lsn.zero;
    const known = commitLsn === Lsn.zero ? undefined : commitLsn;
    const transaction = new TransactionHead(Number(json.xid ?? 0), known, dateOf(json.timestamp));
    this.#transaction = transaction;
    this.#changes = 0;
    return { kind: "begin", transaction, commitLsn };
  }

  #commit(json: Json, start: bigint): LogicalMessage {
    const transaction = this.#open();
    this.#transaction = undefined;
    const endLsn = lsnOf(json.nextlsn) ?? new Lsn(start);
    const commitLsn = transaction.commitLsn ??= lsnOf(json.lsn) ?? endLsn;
    const at = transaction.at ??= dateOf(json.timestamp) ?? new Date(NaN);
    return { kind: "commit", transaction, commitLsn, endLsn, at };
  }

  #row(action: "I" | "U" | "D", json: Json): LogicalMessage | Promise<LogicalMessage> {
    const transaction = this.#open();
    const { schema, table: name } = tableOf(json);
    const identity = columnsOf(json.identity);
    const columns = action === "D" ? identity : columnsOf(json.columns);
    const pk = new Set(columnsOf(json.pk).map((column) => column.name));
    const keys = pk.size === 0 ? undefined : pk;
    // Only an insert has all columns: an update leaves out large values that it does not change.
    const described = this.#tables.describe(schema, name, columns, action !== "I", keys);
    const build = (table: TextTable): LogicalMessage => {
      const { relation } = table;
      const index = this.#changes++;
      const { xid } = transaction;
      const { row } = this.#tables.row(table, columns);
      if (action === "I") return new InsertedRow(relation, row, transaction, index, xid);
      if (action === "D") return new DeletedRow(relation, undefined, row, transaction, index, xid);
      const key = this.#tables.row(table, identity).row;
      const present = new Set(columns.map((column) => column.name));
      const absent = relation.columns.flatMap((c) => present.has(c.name) ? [] : [c.name]);
      return new UpdatedRow(relation, row, undefined, key, absent, transaction, index, xid);
    };
    return described instanceof Promise ? described.then(build) : build(described);
  }

  #truncate(json: Json): LogicalMessage {
    const transaction = this.#open();
    const { schema, table: name } = tableOf(json);
    const table = `${schema}.${name}`;
    const relation = this.#tables.known(table)?.relation ??
      { oid: 0, schema, name, table, identity: "unknown", columns: [] } as const;
    const how = { cascade: false, restartIdentity: false };
    return new TruncatedTables([relation], how, transaction, this.#changes++, transaction.xid);
  }

  #emitted(json: Json, start: bigint): LogicalMessage | undefined {
    if (this.#context.options.messages !== true) return undefined;
    const transaction = json.transactional === true ? this.#open() : undefined;
    const index = transaction === undefined ? 0 : this.#changes++;
    const content = new TextEncoder().encode(String(json.content ?? ""));
    const lsn = lsnOf(json.lsn) ?? new Lsn(start);
    const { xid = 0 } = transaction ?? {};
    return new EmittedMessage(String(json.prefix ?? ""), content, lsn, transaction, index, xid);
  }

  #open(): TransactionHead {
    if (this.#transaction === undefined) {
      throw new ProtocolError("wal2json messages out of order: a change outside of a transaction");
    }
    return this.#transaction;
  }
}

function malformed(cause?: unknown): ProtocolError {
  const message = "malformed message: the slot's plugin is not wal2json in format version 2";
  return new ProtocolError(message, { cause });
}

function parse(text: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(TOKENS, (token) => token[0] === '"' ? token : `"${token}"`));
  } catch (error) {
    throw malformed(error);
  }
  if (typeof json !== "object" || json === null) throw malformed();
  return json as Json;
}

function tableOf({ schema, table }: Json): { schema: string; table: string } {
  if (typeof schema !== "string" || typeof table !== "string") throw malformed();
  return { schema, table };
}

function columnsOf(list: unknown): TextColumn[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw malformed();
  return list.map((column: JsonColumn | null) => {
    const { name, type, typeoid, value } = column ?? {};
    if (typeof name !== "string" || typeof type !== "string") throw malformed();
    const oid = typeoid === undefined ? undefined : Number(typeoid);
    return { name, typeName: type, type: oid, value: textOf(value, type) };
  });
}

/** bytea comes as bare hexadecimal digits. */
function textOf(value: unknown, type: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "object") throw malformed();
  return type === "bytea" ? `\\x${value}` : String(value);
}

function lsnOf(text: unknown): Lsn | undefined {
  if (typeof text !== "string") return undefined;
  try {
    return Lsn.parse(text);
  } catch (error) {
    throw malformed(error);
  }
}

function dateOf(text: unknown): Date | undefined {
  const found = /^(\S+) (\S+?)([+-]\d\d)(:?\d\d)?$/.exec(String(text ?? ""));
  return found === null
    ? undefined
    : new Date(`${found[1]}T${found[2]}${found[3]}${found[4] ?? ":00"}`);
}
