/**
 * The `sql` tag and its functions: SQL put together from templates, names and values, every value a
 * parameter.
 */
import { InterfaceError } from "../errors/errors.ts";
import type { JsonFunctions } from "../types/scalars.ts";
import { FOREIGN_SQL } from "./foreign.ts";
import { parseTypeName } from "../types/type_names.ts";
import { type Assembly, type Fragment, isFragment, WrittenFragment } from "./fragment.ts";
import { quoteIdentifier, quoteLiteral } from "./quote.ts";
import type { Query } from "./query.ts";
import type { ObjectRow } from "./result.ts";
import { columnsForm, listForm } from "./sql_forms.ts";
import { checkEscapes } from "./template.ts";

/** What can stand in a template: a value becomes a parameter, a fragment is put in its place. */
export type SqlValue = string | number | bigint | boolean | object | null;

/** What `sql` can do besides being a tag, alone or on a connection. */
export interface SqlFunctions {
  /**
   * A name: `sql("users")` is `"users"`, `sql("public.users")` is `"public"."users"`. Several names
   * are a list: `sql("id", "name")` is `"id", "name"`.
   *
   * @throws {InterfaceError} a part of a name is empty or contains a zero byte.
   */
  (name: string, ...names: readonly string[]): Fragment;
  /**
   * Columns and values of an object, or of several for as many rows: `insert into t ${sql(row)}`
   * becomes `insert into t ("a", "b") values ($1, $2)`, `update t set ${sql(row)}` becomes
   * `update t set "a" = $1, "b" = $2`, and after VALUES it is the values alone. `columns` chooses
   * some and their order; without, they are the first object's.
   *
   * @throws {InterfaceError} there is nothing in it, a column is missing or `undefined`, or it stands
   * behind neither INSERT, SET nor VALUES.
   */
  <T extends object>(
    rows: T | readonly T[],
    ...columns: readonly (keyof T & string)[]
  ): Fragment;
  /**
   * A list: `where id in ${sql([1, 2, 3])}` becomes `where id in ($1, $2, $3)`. Strings are names,
   * separated by commas, except behind IN and VALUES. Behind VALUES, arrays are rows.
   *
   * @throws {InterfaceError} it is empty.
   */
  (list: readonly SqlValue[]): Fragment;
  /** A name of one or several parts, each quoted as it is: `sql.identifier("public", "a.b")`. */
  identifier(...parts: readonly string[]): Fragment;
  /**
   * A value as a literal, for statements that take no parameters (`create role … password …`).
   *
   * @throws {InterfaceError} it is no string, number, boolean, date, bytes or `null`.
   */
  literal(value: string | number | bigint | boolean | Date | Uint8Array | null): Fragment;
  /**
   * Fragments or values with something between them, `", "` by default.
   *
   * @throws {InterfaceError} there are none.
   *
   * @example
   * ```ts
   * const conditions = [sql`id > ${1}`, sql`email is not null`];
   * const where = sql.join(conditions, " and ");
   * await db.sql`select name from users where ${where}`; // → [{ name: "Grace" }]
   * ```
   */
  join(items: readonly SqlValue[], separator?: string | Fragment): Fragment;
  /** SQL as it is, unchecked: never put anything in it that a user may have written. */
  raw(text: string): Fragment;
  /**
   * A value as JSON text, a string as a JSON string; by itself, a string is taken for JSON already.
   * That of a connection or a pool writes it by its `json.stringify`, the bare tag by
   * `JSON.stringify`; the `types` of a single query are not known here.
   *
   * @throws {InterfaceError} it has no JSON.
   */
  json(value: unknown): string;
  /**
   * An array as one parameter, `type` being the name of its elements' type.
   *
   * @throws {InterfaceError} `type` is not the name of one type.
   */
  array(values: readonly unknown[], type?: string): Fragment;
  /**
   * A value as a parameter of a type, by its name (`"numeric(10,2)"`, `"my.enum"`) or its OID. The
   * name is parsed, so that it cannot add to the SQL; a name to be quoted stands in double quotes.
   *
   * @throws {InterfaceError} `type` is not the name of one type.
   */
  typed(value: SqlValue, type: string | number): Fragment;
}

/** The tag of a connection or a transaction: what it makes can be awaited, or put into another. */
export interface Sql extends SqlFunctions {
  /**
   * A query whose every value is a parameter. `Row` is the type of its rows; `Values`, a tuple, those
   * of the values in the template, a fragment's being `Fragment`.
   *
   * @throws {InterfaceError} the template has an invalid escape sequence, or `$1` beside values.
   *
   * @example
   * ```ts
   * const id = 2;
   * const user = await db.sql<{ name: string }, [number]>`select name from users where id = ${id}`.one();
   * user.name; // → "Grace"
   * ```
   */
  <Row = ObjectRow, Values extends readonly SqlValue[] = readonly SqlValue[]>(
    strings: TemplateStringsArray,
    ...values: Values
  ): Query<Row>;
}

/** The tag by itself: what it makes are fragments. */
export interface SqlFragments extends SqlFunctions {
  /**
   * A piece of SQL whose every value is a parameter. `Row` is the type of its rows as a query;
   * `Values`, a tuple, those of the values in the template.
   *
   * @throws {InterfaceError} the template has an invalid escape sequence.
   */
  <Row = ObjectRow, Values extends readonly SqlValue[] = readonly SqlValue[]>(
    strings: TemplateStringsArray,
    ...values: Values
  ): Fragment<Row>;
}

/** A tag that makes queries of templates, by `make`, and JSON by `stringify`. */
export function boundSql(
  make: (strings: TemplateStringsArray, values: readonly unknown[]) => Query<unknown>,
  stringify: Stringify | undefined,
): Sql {
  return withFunctions(make, stringify) as Sql;
}

/** The fragment that a template stands for. */
export function templateFragment(
  strings: TemplateStringsArray,
  values: readonly unknown[],
): Fragment {
  checkEscapes(strings);
  return new WrittenFragment((assembly) => assembly.template(strings, values));
}

type Stringify = NonNullable<JsonFunctions["stringify"]>;

function withFunctions<T>(
  tag: (strings: TemplateStringsArray, values: readonly unknown[]) => T,
  stringify: Stringify = JSON.stringify,
): SqlFunctions & ((strings: TemplateStringsArray, ...values: readonly SqlValue[]) => T) {
  const either = (first: unknown, ...rest: readonly unknown[]): T | Fragment =>
    isTemplate(first) ? tag(first, rest) : form(first, rest);
  const json = (value: unknown): string => jsonText(value, stringify);
  return Object.assign(either, FOREIGN_SQL, FUNCTIONS, { json }) as ReturnType<
    typeof withFunctions<T>
  >;
}

function isTemplate(value: unknown): value is TemplateStringsArray {
  return Array.isArray(value) && "raw" in value;
}

function form(first: unknown, rest: readonly unknown[]): Fragment {
  if (typeof first === "string") return text(names([first, ...rest as string[]]));
  if (rest.some((column) => typeof column !== "string")) {
    throw new InterfaceError("sql(object, …): the columns must be names");
  }
  if (isFragment(first)) return alone(first, rest);
  const isRow = typeof first === "object" && first !== null && !Array.isArray(first);
  if (isRow) return columnsForm([first], rest as string[]);
  if (!Array.isArray(first)) throw new InterfaceError("sql() takes names, lists and objects");
  const isRows = first.length > 0 && first.every(isPlainObject);
  return isRows ? columnsForm(first, rest as string[]) : alone(listForm(first), rest);
}

function alone(fragment: Fragment, rest: readonly unknown[]): Fragment {
  if (rest.length === 0) return fragment;
  throw new InterfaceError("sql(): nothing may follow a list or a fragment");
}

function names(list: readonly string[]): string {
  if (!list.every((name) => typeof name === "string")) {
    throw new InterfaceError("sql(name, …): all of them must be names");
  }
  return list.map((name) => quoteIdentifier(...name.split("."))).join(", ");
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function text(sql: string): Fragment {
  return new WrittenFragment((assembly) => assembly.add(sql));
}

const FUNCTIONS: Omit<SqlFunctions, "json"> = {
  identifier: (...parts) => text(quoteIdentifier(...parts)),
  literal: (value) => text(quoteLiteral(value)),
  join,
  raw: (sql) => {
    if (typeof sql !== "string") throw new InterfaceError("sql.raw() takes a string of SQL");
    return text(sql);
  },
  array: (values, type) => {
    if (!Array.isArray(values)) throw new InterfaceError("sql.array() takes an array");
    const cast = type === undefined ? "" : `::${parseTypeName(type, "sql.array()").element}[]`;
    return new WrittenFragment((assembly) => cased(assembly, values, cast));
  },
  typed: (value, type) => {
    if (typeof type === "number") return new WrittenFragment((into) => into.parameter(value, type));
    const { element, isArray } = parseTypeName(type, "sql.typed()");
    const cast = `::${element}${isArray ? "[]" : ""}`;
    return new WrittenFragment((assembly) => cased(assembly, value, cast));
  },
};

function cased(assembly: Assembly, value: unknown, cast: string): void {
  assembly.parameter(value);
  assembly.add(cast);
}

function join(items: readonly SqlValue[], separator: string | Fragment = ", "): Fragment {
  checkJoin(items, separator);
  return new WrittenFragment((assembly) => {
    items.forEach((item, i) => {
      if (i > 0 && typeof separator === "string") assembly.add(separator);
      else if (i > 0) assembly.put(separator);
      assembly.put(item);
    });
  });
}

function checkJoin(items: unknown, separator: unknown): void {
  if (!Array.isArray(items)) throw new InterfaceError("sql.join() takes an array");
  if (items.length === 0) throw new InterfaceError("sql.join(): there is nothing to join");
  const hole = items.findIndex((item) => item === undefined);
  if (hole >= 0) {
    throw new InterfaceError(`sql.join(): items[${hole}] is undefined; use null for NULL`);
  }
  if (typeof separator === "string" || isFragment(separator)) return;
  throw new InterfaceError("sql.join(): the separator must be a string or a fragment");
}

function jsonText(value: unknown, stringify: Stringify): string {
  let text: string | undefined;
  try {
    text = stringify(value);
  } catch (cause) {
    throw new InterfaceError("sql.json(): it cannot be written as JSON", { cause });
  }
  if (typeof text !== "string") throw new InterfaceError("sql.json(): it has no JSON");
  return text;
}

/**
 * Makes fragments, to be put into a template or run by `db.query(fragment)`.
 *
 * @example
 * ```ts
 * import { sql } from "@cornac/pg";
 *
 * const reachable = sql`email is not null`;
 * await db.query(sql`select id from ${sql("users")} where ${reachable} and id in ${sql([2, 3])}`); // → [{ id: 2 }]
 * ```
 */
export const sql: SqlFragments = withFunctions(templateFragment) as SqlFragments;
