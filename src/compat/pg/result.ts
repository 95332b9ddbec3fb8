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

  /** Sets command, count and OID from a command tag: `INSERT 0 5`, `SELECT 5`, `CREATE TABLE`. */
  addCommandComplete(message: { text?: string; command?: string }): void {
    const text = message.text ?? message.command ?? "";
    if (text === "") return;
    const first = text.indexOf(" ");
    const last = text.lastIndexOf(" ");
    this.command = first < 0 ? text : text.slice(0, first);
    const count = first < 0 ? NaN : Number(text.slice(last + 1));
    const oid = first === last ? NaN : Number(text.slice(first + 1, last));
    if (Number.isNaN(count) || first !== last && Number.isNaN(oid)) return;
    this.rowCount = count;
    if (first !== last) this.oid = oid;
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
    const { fields } = this;
    const row: Record<string | number, unknown> = this.rowAsArray ? [] as never : {};
    for (let i = 0; i < values.length; i++) {
      const value = values[i] === null ? null : parsers[i]!(values[i]);
      const name = this.rowAsArray ? i : fields[i]!.name;
      if (name === "__proto__") define(row, name, value);
      else row[name] = value;
    }
    return row as Row;
  }
}

function define(row: object, name: string, value: unknown): void {
  const how = { value, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(row, name, how);
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
