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
export type { Arguments } from "./paramstyle.ts";
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
export {
  ANY_ARRAY,
  BIGINT,
  BIGINT_ARRAY,
  BIGINTEGER,
  BINARY,
  BOOLEAN,
  BOOLEAN_ARRAY,
  BYTES,
  BYTES_ARRAY,
  CHAR,
  CHAR_ARRAY,
  CIDR,
  CIDR_ARRAY,
  CSTRING,
  CSTRING_ARRAY,
  DATE,
  DATE_ARRAY,
  DATEMULTIRANGE,
  DATEMULTIRANGE_ARRAY,
  DATERANGE,
  DATERANGE_ARRAY,
  DATETIME,
  DECIMAL,
  DECIMAL_ARRAY,
  FLOAT,
  FLOAT_ARRAY,
  INET,
  INET_ARRAY,
  INT2VECTOR,
  INT4MULTIRANGE,
  INT4MULTIRANGE_ARRAY,
  INT4RANGE,
  INT4RANGE_ARRAY,
  INT8MULTIRANGE,
  INT8MULTIRANGE_ARRAY,
  INT8RANGE,
  INT8RANGE_ARRAY,
  INTEGER,
  INTEGER_ARRAY,
  INTERVAL,
  INTERVAL_ARRAY,
  JSON,
  JSON_ARRAY,
  JSONB,
  JSONB_ARRAY,
  MACADDR,
  MONEY,
  MONEY_ARRAY,
  NAME,
  NAME_ARRAY,
  NULLTYPE,
  NUMBER,
  NUMERIC,
  NUMERIC_ARRAY,
  NUMMULTIRANGE,
  NUMMULTIRANGE_ARRAY,
  NUMRANGE,
  NUMRANGE_ARRAY,
  OID,
  POINT,
  REAL,
  REAL_ARRAY,
  RECORD,
  ROWID,
  SMALLINT,
  SMALLINT_ARRAY,
  SMALLINT_VECTOR,
  STRING,
  TEXT,
  TEXT_ARRAY,
  TIME,
  TIME_ARRAY,
  TIMEDELTA,
  TIMESTAMP,
  TIMESTAMP_ARRAY,
  TIMESTAMPTZ,
  TIMESTAMPTZ_ARRAY,
  TSMULTIRANGE,
  TSMULTIRANGE_ARRAY,
  TSRANGE,
  TSRANGE_ARRAY,
  TSTZMULTIRANGE,
  TSTZMULTIRANGE_ARRAY,
  TSTZRANGE,
  TSTZRANGE_ARRAY,
  UNKNOWN,
  UUID_ARRAY,
  UUID_TYPE,
  VARCHAR,
  VARCHAR_ARRAY,
  XID,
} from "./type_oids.ts";
