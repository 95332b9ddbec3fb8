/**
 * A PostgreSQL driver in plain TypeScript: one source for Deno, Bun and Node, no dependencies.
 *
 * @example
 * ```ts
 * import { connect } from "@cornac/pg";
 *
 * const db = await connect({ user: "myuser", password: "mypassword", database: "mydb" });
 * const [row] = await db.query("select $1::int + 1 as answer", [41]); // → { answer: 42 }
 * await db.close();
 * ```
 *
 * @module
 */
export type { Reader } from "./src/bytes/reader.ts";
export type { Writer } from "./src/bytes/writer.ts";
export { connect, type ConnectOptions, type Url } from "./src/connect.ts";
export {
  Connection,
  type ConnectionHooks,
  type ConnectionTypes,
  type Notice,
  type Queryable,
  type ServerVersion,
} from "./src/connection.ts";
export {
  type AcquireOptions,
  createPool,
  type Gap,
  type LeaseReport,
  type ListenerState,
  type ListenerStats,
  type ListenEvent,
  Pool,
  type PoolConnectionEvent,
  PooledConnection,
  type PoolListenOptions,
  type PoolNotification,
  type PoolOptions,
  type PoolRemoveEvent,
  type PoolStats,
  type RetireReason,
} from "./src/pool.ts";
export type {
  PoolAcquireTrace,
  PoolCloseTrace,
  PoolCreateTrace,
  PoolGiveUpTrace,
  PoolReleaseTrace,
  PoolRetireTrace,
  PoolTraceMessage,
} from "./src/pool/pool_trace.ts";
export type { Password, SslMode } from "./src/config/target.ts";
export type {
  GssContext,
  GssProvider,
  GssRequest,
  OAuthPrompt,
  OAuthRequest,
  OAuthTokenProvider,
} from "./src/config/login.ts";
export type {
  ConnectOptions as ConnectionParameters,
  KeepAliveOptions,
  Pem,
  TlsOptions,
  TlsVersion,
} from "./src/config/options.ts";
export {
  DatabaseError,
  type DatabaseErrorOptions,
  DataError,
  IntegrityError,
  InterfaceError,
  InternalError,
  NoRowsError,
  NotSupportedError,
  OperationalError,
  PgError,
  type PgErrorOptions,
  PoolDeadlockError,
  PoolTimeoutError,
  ProgrammingError,
  ProtocolError,
  type ServerFields,
  type ServerReport,
  StaleStatementError,
  TooManyRowsError,
  Warning,
} from "./src/errors/errors.ts";
export { type ColumnSpec, Cursor, type CursorOptions } from "./src/dbapi/cursor.ts";
export type {
  CopySink,
  CopySource,
  StreamOptions,
  WritableLike,
  WriterLike,
} from "./src/dbapi/copy_stream.ts";
export type { InputSize } from "./src/dbapi/input_sizes.ts";
export type { Arguments, ParamStyle } from "./src/dbapi/arguments.ts";
export { type ConditionName, CONDITIONS } from "./src/errors/sqlstate.ts";
export type { ColumnDescription, Notification, TransactionStatus } from "./src/protocol/backend.ts";
export type { BulkQueries } from "./src/features/bulk.ts";
export type { CopyData, CopyOptions, CopyProgress } from "./src/features/copy.ts";
export type {
  CopyRow,
  CopyRowsFromOptions,
  CopyRowsToOptions,
  TableName,
} from "./src/features/copy_rows.ts";
export type { LargeObject, LargeObjects } from "./src/features/large_object.ts";
export type { ListenOptions, Subscription } from "./src/features/listen.ts";
export {
  type Promises,
  type QueriesDone,
  Transaction,
  type TransactionCallback,
  type TransactionOptions,
  type TransactionRunOptions,
} from "./src/features/transaction.ts";
export type { PreparedTransaction } from "./src/features/two_phase.ts";
export { Fragment } from "./src/query/fragment.ts";
export type { PreparedStatement, StatementOptions } from "./src/query/prepared.ts";
export type { ArrayRows, CallOptions, ObjectRows, QueryOptions } from "./src/query/options.ts";
export { Query, type StatementDescription } from "./src/query/query.ts";
export type { ResultDescription, ResultObserver, RowReceiver } from "./src/query/observer.ts";
export type { BytesParser, ColumnParser, Decoder, Parsers } from "./src/query/parsers.ts";
export { SimpleQuery } from "./src/query/simple_query.ts";
export type { QueryParameters } from "./src/query/options.ts";
export type { BatchEntry, BatchQuery } from "./src/query/batch.ts";
export type { BatchOptions, BatchResults, BatchRow, Queries, RowOr } from "./src/query/queries.ts";
export {
  type Sql,
  sql,
  type SqlFragments,
  type SqlFunctions,
  type SqlValue,
} from "./src/query/sql.ts";
export type { ByteSink, ByteStream, ReadableLike, Source } from "./src/query/source.ts";
export type { BatchStream, RowStream } from "./src/query/stream.ts";
export type {
  BatchTrace,
  ConnectTrace,
  CopyTrace,
  QueryTrace,
  TraceMessage,
  TraceOrigin,
  TransactionOutcome,
  TransactionTrace,
} from "./src/trace.ts";
export { type ObjectRow, Result } from "./src/query/result.ts";
export type { RowShape } from "./src/query/rows.ts";
export { BoundedArray } from "./src/types/array.ts";
export type { Codec } from "./src/types/codec.ts";
export type { CustomCodec } from "./src/types/custom.ts";
export type { TypePolicies } from "./src/types/builtin.ts";
export type { DateTimePolicy } from "./src/types/datetime.ts";
export type { Cube } from "./src/types/extensions.ts";
export type {
  Box,
  Circle,
  Line,
  LineSegment,
  Path,
  Point,
  Polygon,
} from "./src/types/geometric.ts";
export type { Geometry, GeometryType, Position } from "./src/types/geometry.ts";
export { Interval, type IntervalParts } from "./src/types/interval.ts";
export type { Int8Policy } from "./src/types/numbers.ts";
export type { NumericPolicy } from "./src/types/numeric.ts";
export { Range, type RangeBounds } from "./src/types/range.ts";
export type { JsonFunctions } from "./src/types/scalars.ts";
export type { TemporalLike } from "./src/types/temporal.ts";
export type { SparseVector, Vector } from "./src/types/vectors.ts";
export type { TypesOptions } from "./src/types/registry.ts";
export type {
  Address,
  AsyncContext,
  DiagnosticsChannel,
  DialOptions,
  KeepAlive,
  OperationChannels,
  Readable,
  Runtime,
  Signal,
  Sink,
  Stream,
  TlsFacts,
  TlsSettings,
  TracedOperation,
} from "./src/runtime/runtime.ts";
export type { Dial, DialTarget } from "./src/runtime/dialled.ts";
