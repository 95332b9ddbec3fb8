import type { ServerFields } from "../../errors/errors.ts";
import { Buffer } from "../node.ts";

/** The names that `pg` gives to the fields of a report, in its order, by the protocol's letters. */
const NAMES: readonly (readonly [name: ReportField, letter: string])[] = [
  ["severity", "S"],
  ["code", "C"],
  ["detail", "D"],
  ["hint", "H"],
  ["position", "P"],
  ["internalPosition", "p"],
  ["internalQuery", "q"],
  ["where", "W"],
  ["schema", "s"],
  ["table", "t"],
  ["column", "c"],
  ["dataType", "d"],
  ["constraint", "n"],
  ["file", "F"],
  ["line", "L"],
  ["routine", "R"],
];

/** The names of a report's fields. */
export type ReportField =
  | ("severity" | "code" | "detail" | "hint" | "position" | "internalPosition" | "internalQuery")
  | ("where" | "schema" | "table" | "column" | "dataType" | "constraint")
  | ("file" | "line" | "routine");

/** The fields of a report: texts, `undefined` where the server sent none. */
export type ReportFields = { [Name in ReportField]: string | undefined };

/**
 * An error of the server. All fields are strings; one that the server did not send is `undefined`. Its
 * `name` is `"error"`; its `cause` is the driver's error.
 */
export class DatabaseError extends Error implements ReportFields {
  /** The length of the message on the wire, in bytes. */
  length: number;
  /** Always `"error"`. */
  override name: string;
  /** The severity, in the language of the server. */
  severity: string | undefined;
  /** The SQLSTATE. */
  code: string | undefined;
  /** Details about the problem. */
  detail: string | undefined;
  /** A suggestion what to do. */
  hint: string | undefined;
  /** The position in the query, in characters from 1. */
  position: string | undefined;
  /** The position in `internalQuery`. */
  internalPosition: string | undefined;
  /** The failed query that the server had generated. */
  internalQuery: string | undefined;
  /** The context, one line for each function. */
  where: string | undefined;
  /** The schema that the report is about. */
  schema: string | undefined;
  /** The table that the report is about. */
  table: string | undefined;
  /** The column that the report is about. */
  column: string | undefined;
  /** The data type that the report is about. */
  dataType: string | undefined;
  /** The constraint that was violated. */
  constraint: string | undefined;
  /** The source file of the server that reported it. */
  file: string | undefined;
  /** The line in `file`. */
  line: string | undefined;
  /** The function of the server that reported it. */
  routine: string | undefined;

  /** Creates an error from its message, its length on the wire and its name. */
  constructor(message: string, length: number, name: string) {
    super(message);
    this.length = length;
    this.name = name;
  }
}

/** Returns the error for an ErrorResponse. */
export function databaseErrorOf(fields: ServerFields, cause: unknown): DatabaseError {
  const error = new DatabaseError(fields.M ?? "", reportLength(fields), "error");
  setFields(error, fields);
  Object.defineProperty(error, "cause", { value: cause, configurable: true, writable: true });
  return error;
}

/** Sets the fields of a report by their names. */
export function setFields(report: ReportFields, fields: ServerFields): void {
  for (const [name, letter] of NAMES) report[name] = fields[letter];
}

/** Returns the length of a report's message, as the server counts it: without the tag. */
export function reportLength(fields: ServerFields): number {
  const sizes = Object.values(fields).map((text) => Buffer.byteLength(text) + 2);
  return sizes.reduce((sum, size) => sum + size, 4 + 1);
}
