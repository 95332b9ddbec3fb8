/**
 * pg8000's `native` interface: one class, `run()` with `:name` parameters, rows as arrays.
 *
 * @example
 * ```ts
 * import { connect } from "@cornac/pg/native";
 *
 * const con = await connect({ user: "myuser", password: "mypassword" });
 * console.log(await con.run("select :a::int + :b::int", { a: 1, b: 2 })); // → [[3]]
 * await con.close();
 * ```
 *
 * @module
 */
export { connect, Connection } from "./native_connection.ts";
export { BaseConnection } from "./base_connection.ts";
export type { Arguments } from "./arguments.ts";
export { PreparedStatement, type RunOptions } from "./named_statements.ts";
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
export { DatabaseError, InterfaceError, PgError as Error } from "../errors/errors.ts";
export * from "./type_oids.ts";
