/**
 * The DB-API 2.0 module (PEP 249), as pg8000's `dbapi` and `legacy` have it.
 *
 * @example
 * ```ts
 * import * as dbapi from "@cornac/pg/dbapi";
 *
 * const con = await dbapi.connect({ user: "myuser", password: "mypassword" });
 * const cursor = con.cursor();
 * await cursor.execute("select title from book where id = %s", [1]);
 * console.log(await cursor.fetchone()); // → ["Ender's Game"]
 * await con.close();
 * ```
 *
 * @module
 */
export { apilevel, paramstyle, threadsafety } from "./globals.ts";
export { connect, Connection, type DbapiOptions } from "./dbapi_connection.ts";
export { BaseConnection } from "./base_connection.ts";
export { type ColumnSpec, Cursor, type CursorOptions } from "./cursor.ts";
export type { InputSize } from "./input_sizes.ts";
export type { Arguments, ParamStyle } from "./arguments.ts";
export { convertParamstyle } from "./paramstyle.ts";
export { PreparedStatement, type RunOptions } from "./named_statements.ts";
export type { Xid } from "./xid.ts";
export type {
  CopySink,
  CopySource,
  StreamOptions,
  WritableLike,
  WriterLike,
} from "./copy_stream.ts";
export type { Class } from "./adapters.ts";
export { PGInterval, type PGIntervalParts } from "./pg_interval.ts";
export { Range, type RangeBounds } from "../types/range.ts";
export { Interval, type IntervalParts } from "../types/interval.ts";
export { identifier, literal } from "./quoting.ts";
export {
  Binary,
  Date,
  DateFromTicks,
  Time,
  TimeFromTicks,
  Timestamp,
  TimestampFromTicks,
} from "./constructors.ts";
export {
  DatabaseError,
  DataError,
  IntegrityError,
  InterfaceError,
  InternalError,
  NotSupportedError,
  OperationalError,
  PgError as Error,
  ProgrammingError,
  Warning,
} from "../errors/errors.ts";
export * from "./type_oids.ts";
