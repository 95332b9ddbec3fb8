/**
 * An entry point in the shape of postgres.js 3.4: one import away for programs that use it.
 *
 * @example
 * ```ts
 * import postgres from "@cornac/pg/compat/postgres";
 *
 * const sql = postgres("postgres://myuser:mypassword@db.example.com/mydb");
 * const users = await sql`select name from users where id in ${sql([1, 2])} order by id`;
 * users; // → [{ name: "Ada" }, { name: "Grace" }]
 * users.count; // → 2
 * await sql.end();
 * ```
 *
 * @module
 */
import {
  camel,
  type Casing,
  type CasingFunction,
  fromCamel,
  fromKebab,
  fromPascal,
  kebab,
  pascal,
  toCamel,
  toKebab,
  toPascal,
} from "./casing.ts";
import { type Options, parseOptions } from "./options.ts";
import { PostgresError } from "./postgres_error.ts";
import { clientOf } from "./sql.ts";
import type { Sql } from "./sql_types.ts";
import { BIGINT, type PostgresType } from "./value_types.ts";

export type {
  Casing,
  CasingFunction,
  NameTransform,
  TransformedColumn,
  ValueTransform,
} from "./casing.ts";
export type { CursorCallback } from "./cursor.ts";
export type { Builder, Identifier, NotTagged, Parameter, Template } from "./interpolation.ts";
export type { LargeObject, LargeObjectStreamOptions, Rows } from "./large_object.ts";
export type { Listening } from "./listener.ts";
export type { Options, ParsedOptions, Transform, TransformOptions } from "./options.ts";
export type { PendingQuery } from "./pending_query.ts";
export type { Notice } from "./postgres_error.ts";
export { PostgresError } from "./postgres_error.ts";
export type { Column, ConnectionState, Result, Row } from "./postgres_result.ts";
export type { QueryOptions } from "./runnable.ts";
export type {
  BaseSql,
  FileOptions,
  ReservedSql,
  RowList,
  Settled,
  Sql,
  TransactionSql,
  Typed,
} from "./sql_types.ts";
export type { Parsed } from "./statement_view.ts";
export type { RelationColumnInfo, RelationInfo, ReplicationEvent } from "./change.ts";
export type { SubscriptionHandle } from "./subscription.ts";
export type { Anything, Conversions, Parser, PostgresType, Serializer } from "./value_types.ts";

/** Makes a client. It connects when the first query is made. */
export interface Postgres {
  /** Makes a client with these options. */
  (options?: Options): Sql;
  /** Makes a client for a URL, with options that override it. */
  (url: string, options?: Options): Sql;
  /** The class of the server's errors. */
  readonly PostgresError: typeof PostgresError;
  /** Converts snake_case to PascalCase. */
  readonly toPascal: CasingFunction;
  /** Converts PascalCase to snake_case. */
  readonly fromPascal: CasingFunction;
  /** Both directions of PascalCase, for the option `transform`. */
  readonly pascal: Casing;
  /** Converts snake_case to camelCase. */
  readonly toCamel: CasingFunction;
  /** Converts camelCase to snake_case. */
  readonly fromCamel: CasingFunction;
  /** Both directions of camelCase, for the option `transform`. */
  readonly camel: Casing;
  /** Converts snake_case to kebab-case. */
  readonly toKebab: CasingFunction;
  /** Converts kebab-case to snake_case. */
  readonly fromKebab: CasingFunction;
  /** Both directions of kebab-case, for the option `transform`. */
  readonly kebab: Casing;
  /** The type that reads and writes bigint as a BigInt. */
  readonly BigInt: PostgresType<bigint>;
}

/** Makes a client. It connects when the first query is made. */
const postgres: Postgres = Object.assign(
  (first?: string | Options, second?: Options): Sql => clientOf(parseOptions(first, second)),
  {
    ...{ PostgresError, toPascal, pascal, toCamel, camel, toKebab, kebab },
    ...{ fromPascal, fromCamel, fromKebab, BigInt: BIGINT },
  },
);

export { postgres as default };
