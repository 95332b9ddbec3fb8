import { OIDS } from "./oids.ts";

/** SQL's names for types that pg_type calls otherwise. Source: manual, "Data Types"; parser's gram.y. */
const ALIASES: Readonly<Record<string, string>> = {
  "bigint": "int8",
  "bit varying": "varbit",
  "boolean": "bool",
  "char": "bpchar",
  "character": "bpchar",
  "character varying": "varchar",
  "dec": "numeric",
  "decimal": "numeric",
  "double precision": "float8",
  "float": "float8",
  "int": "int4",
  "integer": "int4",
  "real": "float4",
  "smallint": "int2",
  "time with time zone": "timetz",
  "time without time zone": "time",
  "timestamp with time zone": "timestamptz",
  "timestamp without time zone": "timestamp",
  '"char"': "char",
};

/** A type's name taken apart: `integer[]` is an array of `int4`. */
export interface CanonicalName {
  /** pg_type's name of the type, or of the array's element. */
  readonly element: string;
  /** Whether it ends in `[]`. */
  readonly isArray: boolean;
}

/**
 * The name in pg_type's spelling: SQL's aliases resolved, modifiers such as `(10,2)`, the schema
 * `pg_catalog` and quotes that change nothing taken off.
 */
export function canonicalName(name: string): CanonicalName {
  let bare = name.trim().replace(/\s*\([^)]*\)/, "");
  const isArray = /\[\d*\]$/.test(bare);
  bare = bare.replace(/(?:\s*\[\d*\])+$/, "").replace(/^pg_catalog\./i, "").replace(/\s+/g, " ");
  const alias = Object.hasOwn(ALIASES, bare.toLowerCase())
    ? ALIASES[bare.toLowerCase()]
    : undefined;
  return { element: alias ?? bare.replace(/"([^"]*)"/g, "$1"), isArray };
}

/** The OID of a built-in type by pg_type's name for it; `undefined` for others. */
export function builtinOid(name: string): number | undefined {
  const bare = name.replace(/^pg_catalog\./, "");
  return Object.hasOwn(OIDS, bare) ? OIDS[bare as keyof typeof OIDS] : undefined;
}
