/** Changes of rows as `sql.subscribe()` reports them. */
import type { LogicalMessage } from "../../replication/plugin.ts";
import type { Relation } from "../../replication/relation.ts";
import type { ParsedOptions } from "./options.ts";
import { genericError } from "./postgres_error.ts";
import type { Row } from "./postgres_result.ts";
import type { Parser } from "./value_types.ts";

/** A column of a table. */
export interface RelationColumnInfo {
  /** Whether the column is part of the replica identity, as a number. */
  readonly key: number;
  /** The name, after `transform.column.from`. */
  readonly name: string;
  /** The OID of the type. */
  readonly type: number;
  /** The parser of its values. */
  readonly parser: Parser | undefined;
  /** The type's modifier. */
  readonly atttypmod: number;
}

/** A table. */
export interface RelationInfo {
  /** The schema. */
  readonly schema: string;
  /** The name. */
  readonly table: string;
  /** The columns. */
  readonly columns: readonly RelationColumnInfo[];
  /** The columns of the replica identity. */
  readonly keys: readonly RelationColumnInfo[];
}

/** A change. */
export interface ReplicationEvent {
  /** The kind. */
  readonly command: "insert" | "update" | "delete";
  /** The table. */
  readonly relation: RelationInfo;
  /** Whether the old row has only the columns of the key; absent for an insert. */
  readonly key?: boolean;
  /** The row before an update: the whole row, or its key if that has changed, or `null`. */
  readonly old?: Row | null;
}

/** A change with its row. */
export interface Change {
  readonly row: Row | null;
  readonly info: ReplicationEvent;
}

/** Returns the change that a message is about; `undefined` if it is no change of a row. */
export function changeOf(message: LogicalMessage, options: ParsedOptions): Change | undefined {
  switch (message.kind) {
    case "insert": {
      const relation = relationOf(message.relation, options);
      return { row: shaped(message.new, relation, options), info: { command: "insert", relation } };
    }
    case "update": {
      const relation = relationOf(message.relation, options);
      const isKey = message.old === undefined;
      const before = message.old ?? changedKey(message.key, message.new);
      const old = before === undefined ? null : shaped(before, relation, options);
      const info = { command: "update" as const, relation, key: isKey && old !== null, old };
      return { row: shaped(message.new, relation, options), info };
    }
    case "delete": {
      const relation = relationOf(message.relation, options);
      const key = message.old === undefined;
      const row = shaped(message.old ?? message.key, relation, options);
      return { row, info: { command: "delete", relation, key } };
    }
    default:
      return undefined;
  }
}

/** Returns the key before an update if it was another one. */
function changedKey(
  key: Readonly<Record<string, unknown>>,
  row: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> | undefined {
  const isSame = Object.keys(key).every((name) => `${key[name]}` === `${row[name]}`);
  return isSame ? undefined : key;
}

function relationOf({ schema, name, columns }: Relation, options: ParsedOptions): RelationInfo {
  const { parsers, transform: { column: { from } } } = options;
  const infos = columns.map((column) => ({
    key: column.key ? 1 : 0,
    name: from === undefined ? column.name : from(column.name),
    type: column.type,
    parser: parsers[column.type],
    atttypmod: column.typeModifier,
  }));
  return { schema, table: name, columns: infos, keys: infos.filter(({ key }) => key === 1) };
}

function shaped(
  given: Readonly<Record<string, unknown>>,
  { columns }: RelationInfo,
  { transform }: ParsedOptions,
): Row {
  const { column: { from }, value: { from: ofValue }, row: { from: ofRow } } = transform;
  const row: Row = {};
  for (const [name, value] of Object.entries(given)) {
    const shown = from === undefined ? name : from(name);
    const column = columns.find((one) => one.name === shown);
    row[shown] = ofValue === undefined || column === undefined
      ? value
      : ofValue(value, { ...column, table: 0, number: 0 });
  }
  return ofRow === undefined ? row : ofRow(row) as Row;
}

/** The events of a subscription: `operation:schema.table=key`, each part but one may be left out. */
export class EventPattern {
  readonly #command: string;
  readonly #table: string | undefined;
  readonly #key: string | undefined;

  private constructor(command: string, table: string | undefined, key: string | undefined) {
    this.#command = command;
    this.#table = table;
    this.#key = key;
  }

  /** Reads a pattern. @throws {Error} it has another form. */
  static parse(text: string): EventPattern {
    const found = /^(?:(\*|insert|update|delete)(?=$|:):?)?([^=:]*)(?:=(.+))?$/i.exec(text);
    if (found === null) {
      throw genericError("MALFORMED_EVENT", `Malformed subscribe pattern: ${text}`);
    }
    const [, command = "*", table = "", key] = found;
    const isNamed = table !== "" && table !== "*";
    const named = isNamed ? table.includes(".") ? table : `public.${table}` : undefined;
    return new EventPattern(command.toLowerCase(), named, key);
  }

  /** Reports whether a change is one of the events. */
  matches({ row, info: { command, relation } }: Change): boolean {
    if (this.#command !== "*" && this.#command !== command) return false;
    if (this.#table !== undefined && this.#table !== `${relation.schema}.${relation.table}`) {
      return false;
    }
    if (this.#key === undefined) return true;
    return relation.keys.map(({ name }) => row?.[name]).join(",") === this.#key;
  }
}
