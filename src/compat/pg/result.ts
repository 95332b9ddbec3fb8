import type { ColumnDescription } from "../../protocol/backend.ts";
import type { CustomTypes } from "./types.ts";

/** A column of a result. */
export interface FieldDef {
  /** The name of the prepared statement. */
  name: string;
  /** The OID of the column's table; 0 for none. */
  tableID: number;
  /** The number of the column in its table; 0 for none. */
  columnID: number;
  /** The OID of the type. */
  dataTypeID: number;
  /** The width of the type; negative for a variable one. */
  dataTypeSize: number;
  /** The modifier of the type; -1 for none. */
  dataTypeModifier: number;
  /** The format of the values. */
  format: "text" | "binary";
}

/** The parts of a command tag: `INSERT 0 5`, `SELECT 5`, `CREATE TABLE`. */
const TAG = /^([A-Za-z]+)(?: (\d+))?(?: (\d+))?/;

/** The result of one statement. Its properties may be changed. */
export class Result<Row = Record<string, unknown>> {
  /** The first word of the command tag: `"CREATE"` of `CREATE TABLE`; `null` for an empty query. */
  command: string | null = null;
  /** The number of rows in the command tag; `null` for a command without one. */
  rowCount: number | null = null;
  /** The OID of an inserted row: 0, since PostgreSQL 12 has none; `null` for other commands. */
  oid: number | null = null;
  /** The rows. */
  rows: Row[] = [];
  /** The columns. Empty for a command that returns no rows. */
  fields: FieldDef[] = [];
  /** @internal The parsers of the columns. */
  _parsers: unknown = undefined;
  /** @internal The types by which parsers are chosen. */
  _types: CustomTypes | undefined;
  /** @internal Always `null`. */
  RowCtor: null = null;
  /** Whether rows are arrays. */
  rowAsArray: boolean;
  /** @internal Always `null`. */
  _prebuiltEmptyResultObject: null = null;

  /** Creates an empty result. */
  constructor(rowMode?: string, types?: CustomTypes) {
    this._types = types;
    this.rowAsArray = rowMode === "array";
  }

  /** Adds a row. */
  addRow(row: Row): void {
    this.rows.push(row);
  }

  /** Sets command, count and OID from a command tag. */
  addCommandComplete(message: { text?: string; command?: string }): void {
    const found = TAG.exec(message.text ?? message.command ?? "");
    if (found === null) return;
    const [, command, first, second] = found;
    this.command = command!;
    if (second !== undefined) this.oid = Number(first);
    if (first !== undefined) this.rowCount = Number(second ?? first);
  }

  /** @internal Sets the columns from a description. */
  describe(columns: readonly ColumnDescription[], format: "text" | "binary"): void {
    this.fields = fieldsOf(columns, format);
  }

  /** Sets the columns as a Submittable gets them, and chooses their parsers. */
  addFields(fields: FieldDef[]): void {
    this.fields = fields;
    const types = this._types;
    if (types === undefined) return;
    this._parsers = fields.map((field) => types.getTypeParser(field.dataTypeID, field.format));
  }

  /** Makes a row of the values that a Submittable gets. */
  parseRow(values: readonly unknown[]): Row {
    const parsers = this._parsers as ((value: unknown) => unknown)[];
    const parsed = values.map((value, i) => value === null ? null : parsers[i]!(value));
    if (this.rowAsArray) return parsed as Row;
    return Object.fromEntries(this.fields.map(({ name }, i) => [name, parsed[i]])) as Row;
  }
}

/** Returns the columns of a description as `pg` has them, in the format that it says, or another one. */
export function fieldsOf(
  columns: readonly ColumnDescription[],
  format?: "text" | "binary",
): FieldDef[] {
  const fields: FieldDef[] = [];
  for (const column of columns) {
    fields.push({
      name: column.name,
      tableID: column.tableOid,
      columnID: column.attributeNumber,
      dataTypeID: column.typeOid,
      dataTypeSize: column.typeSize,
      dataTypeModifier: column.typeModifier,
      format: format ?? (column.format === 1 ? "binary" : "text"),
    });
  }
  return fields;
}
