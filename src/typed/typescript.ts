/** Prints the TypeScript of a statement's rows and values, as the driver reads and takes them. */
import type { TypePolicies } from "../types/builtin.ts";
import type { DescribedType } from "./described_type.ts";
import type { InspectedColumn, InspectedParameter, Inspection } from "./inspect.ts";
import { jsonType } from "./json_type.ts";
import { grouped, propertyName, quoted, stringType } from "./names.ts";
import { type NameByPolicy, TYPE_TABLE } from "./type_table.ts";

/** How values come and go: the options of the connection that runs the statements. */
export interface TypescriptOptions
  extends Pick<TypePolicies, "int8" | "numeric" | "datetime" | "arrays"> {
  /** The shape of rows; default `"object"`. */
  readonly rows?: "object" | "array";
  /**
   * Types of columns by `table.column` or `schema.table.column`, for values that are more than their
   * PostgreSQL type says: `{ "users.meta": "import('./meta.ts').Meta" }`. NULL is added where it can come.
   */
  readonly columns?: Readonly<Record<string, string>>;
  /** Types of values by PostgreSQL's name of the type, `name` or `schema.name`: of codecs of your own. */
  readonly types?: Readonly<Record<string, string>>;
  /** The module that the driver's own types are imported from; default `"@cornac/pg"`. */
  readonly module?: string;
  /** Whether `infinity` of dates and intervals is named, which comes as `Infinity`; default `false`. */
  readonly infinity?: boolean;
}

/** The TypeScript of a statement. */
export interface Typescript {
  /** The type of a row: `{ id: number; email: string | null }`. */
  readonly row: string;
  /** The types of the values, `$1` first: `[number, string | null]`. */
  readonly values: string;
}

/**
 * Returns the TypeScript of a statement. Enums are unions of their labels, composite types are
 * objects, domains are the type under them. Of columns with the same name the last one counts, as it
 * does in the driver's rows.
 *
 * @example
 * ```ts
 * import { inspect, typescriptOf } from "@cornac/pg/typed";
 *
 * const [found] = await inspect(db, ["select count(*), max(id) from users where id > $1"]);
 * typescriptOf(found!); // → { row: "{ count: bigint; max: number | null }", values: "[number]" }
 * typescriptOf(found!, { int8: "number", rows: "array" }).row; // → "[number, number | null]"
 * ```
 */
export function typescriptOf(found: Inspection, options: TypescriptOptions = {}): Typescript {
  const values = found.parameters.map((parameter) => valueType(parameter, options));
  return { row: rowType(found.columns, options), values: `[${values.join(", ")}]` };
}

function rowType(columns: readonly InspectedColumn[], options: TypescriptOptions): string {
  const types = columns.map((column) => columnType(column, options));
  if (options.rows === "array") return `[${types.join(", ")}]`;
  const byName = new Map(columns.map(({ name }, i) => [name, types[i]!]));
  return objectType([...byName].map(([name, type]) => `${propertyName(name)}: ${type}`));
}

/** Returns an object type of these members. */
export function objectType(members: readonly string[]): string {
  return members.length === 0 ? "Record<string, never>" : `{ ${members.join("; ")} }`;
}

/** Returns the type of a column's values. */
export function columnType(column: InspectedColumn, options: TypescriptOptions): string {
  const own = overridden(column, options) ?? imported(ownType(column, options), options);
  return nullable(own, column.nullable);
}

function overridden(
  { source }: InspectedColumn,
  { columns = {} }: TypescriptOptions,
): string | undefined {
  if (source === undefined) return undefined;
  const { schema, table, column } = source;
  const names = [`${schema}.${table}.${column}`, `${table}.${column}`];
  const name = names.find((one) => Object.hasOwn(columns, one));
  return name === undefined ? undefined : columns[name];
}

function ownType(column: InspectedColumn, options: TypescriptOptions): string {
  if (column.json !== undefined) return jsonType(column.json);
  const { type, elementsNullable = true, dimensions = 1 } = column;
  if (type.kind !== "array" || type.element === undefined) return typeName(type, options, "read");
  return arrayType(type, options, "read", elementsNullable, dimensions);
}

/** Returns the type of a parameter's values. */
export function valueType(
  { type, nullable: isNullable }: InspectedParameter,
  options: TypescriptOptions,
): string {
  return nullable(imported(typeName(type, options, "write"), options), isNullable);
}

/** Returns a type of the driver's as one of the module that it is to be imported from. */
export function imported(type: string, { module }: TypescriptOptions): string {
  return module === undefined ? type : type.replaceAll(DRIVER, `import(${quoted(module)})`);
}

const DRIVER = 'import("@cornac/pg")';

/** Adds `null` to a type that does not have it yet. */
export function nullable(type: string, isNullable: boolean): string {
  return isNullable && type !== "unknown" && type !== "null" ? `${type} | null` : type;
}

type Direction = "read" | "write";

/** Returns the name of a PostgreSQL type's values. */
export function typeName(
  type: DescribedType,
  options: TypescriptOptions,
  direction: Direction,
): string {
  const own = named(type, options);
  if (own !== undefined) return own;
  switch (type.kind) {
    case "array":
      return arrayType(type, options, direction, true, 1);
    case "enum":
      return stringType(type.labels ?? []);
    case "domain":
      return type.base ? typeName(type.base, options, direction) : "string";
    case "range":
      return orText(`import("@cornac/pg").Range<${inner(type, options)}>`, direction);
    case "multirange":
      return orText(`${inner(type, options)}[]`, direction);
    case "composite":
      return compositeType(type, options, direction);
    case "pseudo":
      return type.name === "record" ? "(string | null)[]" : "string";
    default:
      return scalarType(type, options, direction);
  }
}

/** The part of a range, as it is read: bounds are written as they come. */
function inner({ element }: DescribedType, options: TypescriptOptions): string {
  return element ? typeName(element, { ...options, infinity: false }, "read") : "string";
}

function orText(type: string, direction: Direction): string {
  return direction === "write" ? `${type} | string` : type;
}

function named(type: DescribedType, { types = {} }: TypescriptOptions): string | undefined {
  const name = [`${type.schema}.${type.name}`, type.name].find((one) => Object.hasOwn(types, one));
  return name === undefined ? undefined : types[name];
}

function arrayType(
  type: DescribedType,
  options: TypescriptOptions,
  direction: Direction,
  elementsNullable: boolean,
  dimensions: number,
): string {
  const element = type.element ? typeName(type.element, options, direction) : "string";
  const elements = nullable(element, elementsNullable);
  if (direction === "read" && options.arrays === "bounded") {
    return `import("@cornac/pg").BoundedArray<${elements}>`;
  }
  const list = `${grouped(elements)}${"[]".repeat(dimensions)}`;
  return direction === "write" ? `readonly ${list}` : list;
}

/** A composite value: each attribute can be NULL. */
function compositeType(
  type: DescribedType,
  options: TypescriptOptions,
  direction: Direction,
): string {
  const members = (type.attributes ?? []).map((one) =>
    `${propertyName(one.name)}: ${nullable(typeName(one.type, options, direction), true)}`
  );
  return orText(objectType(members), direction);
}

function scalarType(
  { name }: DescribedType,
  options: TypescriptOptions,
  direction: Direction,
): string {
  if (!Object.hasOwn(TYPE_TABLE, name)) return "string";
  const type = byPolicy(TYPE_TABLE[name]![direction], options);
  const isInfinite = options.infinity === true && direction === "read" && INFINITE.test(name) &&
    type !== "string";
  return isInfinite ? `${type} | number` : type;
}

const INFINITE = /^(date|timestamp|timestamptz|interval)$/;

function byPolicy(names: NameByPolicy, options: TypescriptOptions): string {
  if (typeof names === "string") return names;
  for (const policy of ["int8", "numeric", "datetime"] as const) {
    const name = names[`${policy}=${options[policy]}`];
    if (name !== undefined) return name;
  }
  return names.default!;
}
