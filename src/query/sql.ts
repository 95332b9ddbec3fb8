/**
 * The `sql` tag and its functions, which compose SQL from templates, names and values. Every value
 * becomes a parameter.
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

/**
 * A value in a template. A fragment is inserted as SQL, and so are the items of an array that begins
 * with a fragment, with spaces between them. Any other value becomes a parameter.
 */
export type SqlValue = string | number | bigint | boolean | object | null;

/** The functions of the `sql` tag, bound to a connection or not. */
export interface SqlFunctions {
  /**
   * Quotes a name: `sql("users")` is `"users"`, `sql("public.users")` is `"public"."users"`. Several
   * names make a list: `sql("id", "name")` is `"id", "name"`.
   *
   * @throws {InterfaceError} a part of a name is empty or contains a zero byte.
   */
  (name: string, ...names: readonly string[]): Fragment;
  /**
   * Writes the columns and values of an object, or of several objects as several rows.
   * `insert into t ${sql(row)}` becomes `insert into t ("a", "b") values ($1, $2)`;
   * `update t set ${sql(row)}` becomes `update t set "a" = $1, "b" = $2`; after VALUES only the values
   * are written. `columns` selects and orders the columns. Default: those of the first object.
   *
   * @throws {InterfaceError} there are no columns, a value is missing or `undefined`, or the form is
   * used elsewhere than after INSERT, SET or VALUES.
   */
  <T extends object>(
    rows: T | readonly T[],
    ...columns: readonly (keyof T & string)[]
  ): Fragment;
  /**
   * Writes a list: `where id in ${sql([1, 2, 3])}` becomes `where id in ($1, $2, $3)`. Strings are
   * names, separated by commas, except after IN and VALUES. After VALUES, arrays are rows.
   *
   * @throws {InterfaceError} the list is empty. Where it may be, use `= any(${list})`.
   */
  (list: readonly SqlValue[]): Fragment;
  /** Quotes a name of one or several parts, dots included: `sql.identifier("public", "a.b")`. */
  identifier(...parts: readonly string[]): Fragment;
  /**
   * Writes a value as a literal, for statements that take no parameters (`create role … password …`).
   *
   * @throws {InterfaceError} the value is not a string, number, boolean, date, bytes or `null`.
   */
  literal(value: string | number | bigint | boolean | Date | Uint8Array | null): Fragment;
  /**
   * Joins fragments or values with a separator, `", "` by default.
   *
   * @throws {InterfaceError} there are no items, or an item is `undefined`.
   *
   * @example
   * ```ts
   * const conditions = [sql`id > ${1}`, sql`email is not null`];
   * const where = sql.join(conditions, " and ");
   * await db.sql`select name from users where ${where}`; // → [{ name: "Grace" }]
   * ```
   */
  join(items: readonly SqlValue[], separator?: string | Fragment): Fragment;
  /**
   * Writes conditions joined by AND, all in parentheses; `true` if there are none.
   *
   * @throws {InterfaceError} an item is `undefined`.
   *
   * @example
   * ```ts
   * const conditions = [sql`id = ${2} or email is null`, sql`name <> ${"Ada"}`];
   * await db.sql`select name from users where ${sql.and(conditions)} order by id`; // → [{ name: "Grace" }, { name: "Edsger" }]
   * await db.sql`select count(*) from users where ${sql.and([])}`.scalar(); // → 3n
   * ```
   */
  and(conditions: readonly SqlValue[]): Fragment;
  /**
   * Writes conditions joined by OR, all in parentheses; `false` if there are none.
   *
   * @throws {InterfaceError} an item is `undefined`.
   */
  or(conditions: readonly SqlValue[]): Fragment;
  /**
   * Inserts SQL as it is, unchecked. Never pass text that a user may have written.
   *
   * @throws {InterfaceError} the argument is not a string.
   */
  raw(text: string): Fragment;
  /**
   * Writes a value as JSON text, and a string as a JSON string. A string that is passed as a parameter
   * without `json()` must be JSON text already. The tag of a connection or pool uses its
   * `json.stringify`, the unbound tag `JSON.stringify`; the `types` of a single query are not used.
   *
   * @throws {InterfaceError} the value has no JSON.
   */
  json(value: unknown): string;
  /**
   * Passes an array as one parameter. `type` is the name of its elements' type.
   *
   * @throws {InterfaceError} `type` is not the name of one type.
   */
  array(values: readonly unknown[], type?: string): Fragment;
  /**
   * Passes a value as a parameter of a type, by its name (`"numeric(10,2)"`, `"my.enum"`) or its OID.
   * The name is parsed, so that it cannot add SQL. Put double quotes around a name that needs them.
   *
   * @throws {InterfaceError} `type` is not the name of one type.
   */
  typed(value: SqlValue, type: string | number): Fragment;
}

/** The tag of a connection, transaction or pool. It makes queries, which can be parts of others. */
export interface Sql extends SqlFunctions {
  /**
   * Makes a query. Every value in the template is a parameter. `Row` is the type of the rows; `Values`
   * is a tuple of the types of the values, in which a fragment's type is `Fragment`.
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

/** The unbound tag, which makes fragments. */
export interface SqlFragments extends SqlFunctions {
  /**
   * Makes a fragment. Every value in the template is a parameter. `Row` is the type of the rows when
   * the fragment is run; `Values` is a tuple of the types of the values.
   *
   * @throws {InterfaceError} the template has an invalid escape sequence.
   */
  <Row = ObjectRow, Values extends readonly SqlValue[] = readonly SqlValue[]>(
    strings: TemplateStringsArray,
    ...values: Values
  ): Fragment<Row>;
}

/** Returns a tag that makes queries with `make` and JSON with `stringify`. */
export function boundSql(
  make: (strings: TemplateStringsArray, values: readonly unknown[]) => Query<unknown>,
  stringify: Stringify | undefined,
): Sql {
  return withFunctions(make, stringify) as Sql;
}

/** Returns a template as a fragment. */
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
    throw new InterfaceError("sql(name, …): every argument must be a name");
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
  and: (items) => conditions(items, "and", "true"),
  or: (items) => conditions(items, "or", "false"),
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
  checkItems(items, "join");
  if (items.length === 0) throw new InterfaceError("sql.join(): there is nothing to join");
  checkSeparator(separator);
  return new WrittenFragment((assembly) => assembly.list(items, separator));
}

function conditions(items: readonly SqlValue[], word: "and" | "or", none: string): Fragment {
  checkItems(items, word);
  if (items.length === 0) return text(none);
  return new WrittenFragment((assembly) => {
    assembly.add("((");
    assembly.list(items, `) ${word} (`);
    assembly.add("))");
  });
}

function checkItems(items: unknown, method: string): void {
  if (!Array.isArray(items)) throw new InterfaceError(`sql.${method}() takes an array`);
  const hole = items.findIndex((item) => item === undefined);
  if (hole < 0) return;
  throw new InterfaceError(`sql.${method}(): items[${hole}] is undefined; use null for NULL`);
}

function checkSeparator(separator: unknown): void {
  if (typeof separator === "string" || isFragment(separator)) return;
  throw new InterfaceError("sql.join(): the separator must be a string or a fragment");
}

function jsonText(value: unknown, stringify: Stringify): string {
  let text: string | undefined;
  try {
    text = stringify(value);
  } catch (cause) {
    throw new InterfaceError("sql.json(): the value cannot be written as JSON", { cause });
  }
  if (typeof text !== "string") throw new InterfaceError("sql.json(): the value has no JSON");
  return text;
}

/**
 * Makes fragments for templates, `db.query(fragment)` and `db.batch()`.
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
