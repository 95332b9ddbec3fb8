/**
 * `sql(object)` and `sql(list)`. The SQL that they write depends on the word before them.
 */
import { InterfaceError } from "../errors/errors.ts";
import { type Assembly, type Fragment, WrittenFragment } from "./fragment.ts";
import { quoteIdentifier } from "./quote.ts";

type Row = Readonly<Record<string, unknown>>;

/** Returns columns and values after INSERT, assignments after SET, rows of values after VALUES. */
export function columnsForm(rows: readonly object[], chosen: readonly string[]): Fragment {
  const columns = chosen.length > 0 ? chosen : Object.keys(rows[0]!);
  if (columns.length === 0) throw new InterfaceError("sql(object): the object has no columns");
  const checked = rows.map((row) => checkRow(row as Row, columns));
  return new WrittenFragment((assembly) => {
    switch (assembly.lastPlace) {
      case "set":
        return assignments(assembly, checked, columns);
      case "values":
        return tuples(assembly, checked);
      case "insert":
      case "into":
        assembly.add(`(${columns.map((column) => quoteIdentifier(column)).join(", ")}) values `);
        return tuples(assembly, checked);
      default:
        throw new InterfaceError("sql(object) must follow INSERT INTO, SET or VALUES");
    }
  });
}

/** Returns values in parentheses, rows of values after VALUES, or names separated by commas. */
export function listForm(list: readonly unknown[]): Fragment {
  if (list.length === 0) throw emptyList();
  const hole = list.findIndex((value) => value === undefined);
  if (hole >= 0) throw new InterfaceError(`sql(list): [${hole}] is undefined; use null for NULL`);
  return new WrittenFragment((assembly) => {
    const before = assembly.lastToken;
    if (before === "values" && list.every(Array.isArray)) return tuples(assembly, list);
    if (before !== "values" && before !== "in" && list.every(isString)) {
      return assembly.add(list.map((name) => quoteIdentifier(...name.split("."))).join(", "));
    }
    tuples(assembly, [list]);
  });
}

function emptyList(): InterfaceError {
  return new InterfaceError(
    "sql([]): an empty list; where it may be empty, write = any(${list}) for in ${sql(list)}",
  );
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function checkRow(row: Row, columns: readonly string[]): unknown[] {
  return columns.map((column) => {
    if (!Object.hasOwn(row, column)) {
      throw new InterfaceError(`sql(object): the object has no "${column}"`);
    }
    const value = row[column];
    if (value !== undefined) return value;
    throw new InterfaceError(`sql(object): "${column}" is undefined; use null for NULL`);
  });
}

function assignments(
  assembly: Assembly,
  rows: readonly (readonly unknown[])[],
  columns: readonly string[],
): void {
  if (rows.length !== 1) throw new InterfaceError("sql(objects): only one object can follow SET");
  columns.forEach((column, i) => {
    assembly.add(`${i > 0 ? ", " : ""}${quoteIdentifier(column)} = `);
    assembly.put(rows[0]![i]);
  });
}

function tuples(assembly: Assembly, rows: readonly (readonly unknown[])[]): void {
  rows.forEach((row, i) => {
    assembly.add(i > 0 ? ", (" : "(");
    row.forEach((value, j) => {
      if (j > 0) assembly.add(", ");
      assembly.put(value);
    });
    assembly.add(")");
  });
}
