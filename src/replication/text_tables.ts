/**
 * The tables of plugins that write text: such a plugin names the columns with every row, and describes
 * no table beforehand.
 */
import { DataError, PgError } from "../errors/errors.ts";
import type { Codec } from "../types/codec.ts";
import { OIDS } from "../types/oids.ts";
import type { DecodedRow } from "./change_objects.ts";
import type { DecoderContext } from "./plugin.ts";
import type { Relation, RelationColumn, ReplicaIdentity } from "./relation.ts";

/** In place of a value that was not sent. */
export const UNSENT: unique symbol = Symbol("unsent");

/** A column of a row in text. */
export interface TextColumn {
  readonly name: string;
  /** The type's name as `format_type()` writes it: `integer`, `public.mood[]`. */
  readonly typeName: string;
  /** The type's OID, if the plugin sends it. */
  readonly type?: number | undefined;
  readonly value: string | null | typeof UNSENT;
}

/** A table with the codecs of its columns. */
export interface TextTable {
  readonly relation: Relation;
  readonly codecs: ReadonlyMap<string, Codec | undefined>;
}

/** Tables and names of types that are kept at most, whatever a server sends. */
const MOST = 10_000;

/** The tables of one stream. */
export class TextTables {
  readonly #context: DecoderContext;
  readonly #tables = new Map<string, TextTable>();
  /** The OIDs of types by name; 0 where there is no such type. */
  readonly #oids = new Map<string, number>();

  constructor(context: DecoderContext) {
    this.#context = context;
  }

  /** Returns a table as it was described last. */
  known(table: string): TextTable | undefined {
    return this.#tables.get(table);
  }

  /**
   * Returns the table of a row, which has these columns; a promise if types have to be looked up.
   * A row that `isPart` of the columns does not change the description.
   */
  describe(
    schema: string,
    name: string,
    columns: readonly TextColumn[],
    isPart: boolean,
    keys?: ReadonlySet<string>,
  ): TextTable | Promise<TextTable> {
    const table = `${schema}.${name}`;
    const known = this.#tables.get(table);
    if (known !== undefined && fits(known, columns, isPart, keys)) return known;
    const unknown = columns.filter((column) => this.#oidOf(column) === undefined);
    const make = (): TextTable | Promise<TextTable> => {
      const oids = columns.map((column) => this.#oidOf(column) ?? 0);
      const missing = oids.filter((oid) => oid !== 0 && this.#codecOf(oid) === undefined);
      const keep = (): TextTable => this.#keep(schema, name, columns, oids, keys);
      return missing.length === 0 ? keep() : this.#context.types.learn(missing).then(keep);
    };
    return unknown.length === 0 ? make() : this.#lookUp(unknown).then(make);
  }

  #keep(
    schema: string,
    name: string,
    columns: readonly TextColumn[],
    oids: readonly number[],
    keys: ReadonlySet<string> | undefined,
  ): TextTable {
    const described = columns.map(({ name, typeName }, i): RelationColumn => ({
      ...{ name, type: oids[i]!, typeName, typeModifier: -1, key: keys?.has(name) ?? false },
    }));
    const table = `${schema}.${name}`;
    const identity: ReplicaIdentity = "unknown";
    const relation = { oid: 0, schema, name, table, identity, columns: described };
    const codecs = new Map(described.map(({ name, type }) => [name, this.#codecOf(type)]));
    if (this.#tables.size >= MOST) this.#tables.clear();
    const made = { relation, codecs };
    this.#tables.set(table, made);
    return made;
  }

  #codecOf(oid: number): Codec | undefined {
    return oid === 0 ? undefined : this.#context.types.codecOf(oid);
  }

  #oidOf({ type, typeName }: TextColumn): number | undefined {
    return type ?? this.#oids.get(typeName);
  }

  async #lookUp(columns: readonly TextColumn[]): Promise<void> {
    for (const { typeName } of columns) {
      if (this.#oids.size >= MOST) this.#oids.clear();
      this.#oids.set(typeName, await this.#named(typeName) ?? 0);
    }
  }

  async #named(typeName: string): Promise<number | undefined> {
    try {
      return await this.#context.types.oidOf(typeName);
    } catch (error) {
      // The name may be of a kind that the driver does not read; the values are text then.
      if (error instanceof PgError && error.name === "InterfaceError") return undefined;
      throw error;
    }
  }

  /** Returns the row of columns, without those that were not sent, and the names of these. */
  row(table: TextTable, columns: readonly TextColumn[]): { row: DecodedRow; unsent: string[] } {
    const isArray = this.#context.rows === "array";
    const row = (isArray ? table.relation.columns.map(() => undefined) : {}) as DecodedRow;
    const unsent: string[] = [];
    for (const column of columns) {
      if (column.value === UNSENT) unsent.push(column.name);
      else this.#set(table, row, column.name, valueOf(table, column, column.value), isArray);
    }
    return { row, unsent };
  }

  #set(table: TextTable, row: DecodedRow, name: string, value: unknown, isArray: boolean): void {
    const index = isArray ? table.relation.columns.findIndex((c) => c.name === name) : -1;
    const how = { value, enumerable: true, configurable: true, writable: true };
    if (!isArray) Object.defineProperty(row, name, how);
    else if (index >= 0) (row as unknown as unknown[])[index] = value;
  }
}

function valueOf(
  { relation, codecs }: TextTable,
  column: TextColumn,
  text: string | null,
): unknown {
  const codec = codecs.get(column.name);
  if (text === null || codec === undefined) return text;
  try {
    return codec.decodeText(codec.oid === OIDS.bool ? text[0]! : text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const { table } = relation;
    throw new DataError(`table ${table}, column "${column.name}" (${codec.name}): ${reason}`, {
      ...{ code: "22000", cause },
    });
  }
}

/** Reports whether a row has the columns of a table, or is a part of them. */
function fits(
  { relation: { columns } }: TextTable,
  row: readonly TextColumn[],
  isPart: boolean,
  keys: ReadonlySet<string> | undefined,
): boolean {
  const isSame = (a: RelationColumn, b: TextColumn): boolean =>
    a.name === b.name && a.typeName === b.typeName &&
    (keys === undefined || a.key === keys.has(a.name));
  if (!isPart) return columns.length === row.length && columns.every((c, i) => isSame(c, row[i]!));
  let at = 0;
  for (const column of row) {
    while (at < columns.length && !isSame(columns[at]!, column)) at++;
    if (at++ >= columns.length) return false;
  }
  return true;
}
