/** Conversions of column names between snake_case and the spellings of JavaScript. */

/** A column as a transformation sees it. */
export interface TransformedColumn {
  /** The OID of the column's type. */
  readonly type: number;
}

/** Converts a name. */
export type NameTransform = (name: string) => string;

/** Converts a value of a row. */
export type ValueTransform = (value: unknown, column: TransformedColumn) => unknown;

/** A transformation of names in both directions, and of the names in json. */
export interface Casing {
  /** The transformation of column names. */
  readonly column: {
    /** From the database. */
    readonly from?: NameTransform;
    /** To the database. */
    readonly to?: NameTransform;
  };
  /** The transformation of values. */
  readonly value?: {
    /** From the database: the names in json and jsonb. */
    readonly from: ValueTransform;
  };
}

/** A function that converts names, which is a transformation itself. */
export type CasingFunction = NameTransform & Casing;

const upperNext = (text: string): string =>
  text.replace(/_([^])/g, (_, next: string) => next.toUpperCase());
const underscored = (text: string): string => text.replace(/[A-Z]/g, "_$&");

const camelOf: NameTransform = (name) => name.slice(0, 1) + upperNext(name.slice(1));
const pascalOf: NameTransform = (name) => name.slice(0, 1).toUpperCase() + upperNext(name.slice(1));
const kebabOf: NameTransform = (name) => name.replaceAll("_", "-");

/** Converts camelCase to snake_case. */
export const fromCamel: CasingFunction = outgoing((name) => underscored(name).toLowerCase());
/** Converts PascalCase to snake_case. */
export const fromPascal: CasingFunction = outgoing((name) =>
  (name.slice(0, 1) + underscored(name.slice(1))).toLowerCase()
);
/** Converts kebab-case to snake_case. */
export const fromKebab: CasingFunction = outgoing((name) => name.replaceAll("-", "_"));

/** Converts snake_case to camelCase. */
export const toCamel: CasingFunction = incoming(camelOf, fromCamel);
/** Converts snake_case to PascalCase. */
export const toPascal: CasingFunction = incoming(pascalOf, fromPascal);
/** Converts snake_case to kebab-case. */
export const toKebab: CasingFunction = incoming(kebabOf, fromKebab);

/** The transformation between snake_case in the database and camelCase in the program. */
export const camel: Casing = { column: toCamel.column, value: toCamel.value };
/** The transformation between snake_case in the database and PascalCase in the program. */
export const pascal: Casing = { column: toPascal.column, value: toPascal.value };
/** The transformation between snake_case in the database and kebab-case in the program. */
export const kebab: Casing = { column: toKebab.column, value: toKebab.value };

function outgoing(convert: NameTransform): CasingFunction {
  const named: NameTransform = (name) => convert(name);
  return Object.assign(named, { column: { to: named } });
}

/** In postgres.js `toCamel` and the like convert names of helpers back, too (measured on 3.4.9). */
function incoming(convert: NameTransform, back: NameTransform): CasingFunction {
  const named: NameTransform = (name) => convert(name);
  return Object.assign(named, {
    column: { from: named, to: back },
    value: { from: jsonNames(named) },
  });
}

const JSON_TYPES: ReadonlySet<number> = new Set([114, 3802]);

/** Returns the transformation of the names in values of json and jsonb, at every depth. */
function jsonNames(convert: NameTransform): ValueTransform {
  const within = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(within);
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [convert(name), within(inner)]),
    );
  };
  return (value, { type }) => JSON_TYPES.has(type) ? within(value) : value;
}
