/**
 * Replication: the streams of PostgreSQL's replication protocol, logical and physical.
 *
 * @module
 */
export { Lsn } from "./lsn.ts";
export {
  DifferentSystemError,
  PositionAheadError,
  PublicationMissingError,
  ReplicationSetupError,
  type SetupProblem,
  SlotBusyError,
  type SlotLossReason,
  SlotLostError,
} from "./errors.ts";
export type {
  AnyTables,
  Change,
  ChangeInTransaction,
  ChangeOfRow,
  DeleteChange,
  InsertChange,
  MessageChange,
  RelationChange,
  RowChange,
  SnapshotChange,
  TruncateChange,
  UpdateChange,
} from "./change.ts";
export type * from "./message.ts";
export { pgoutput, type PgOutputOptions } from "./pgoutput_plugin.ts";
export type {
  DecoderContext,
  LogicalDecoder,
  LogicalMessage,
  LogicalOptions,
  LogicalPlugin,
  StreamTypes,
  UnknownType,
} from "./plugin.ts";
export type { Relation, RelationColumn, RelationDiff, ReplicaIdentity } from "./relation.ts";
export { ChangeId, type Origin, type TransactionInfo } from "./transaction_info.ts";
export { connectReplication, type ReplicationConnectOptions } from "./connect_replication.ts";
export { ReplicationConnection } from "./replication_connection.ts";
export type {
  CreatedSlot,
  LogicalStartOptions,
  PhysicalSlotPosition,
  PhysicalStartOptions,
  ReplicationMode,
  SystemIdentity,
} from "./command_types.ts";
export type {
  AlterSlotOptions,
  LogicalSlotOptions,
  PhysicalSlotOptions,
  PluginOptions,
} from "./commands.ts";
export type { CommandOptions } from "./command_request.ts";
export type { StandbyFeedback } from "./feed.ts";
export {
  type Keepalive,
  ReplicationStream,
  type StreamOptions,
  type StreamStatus,
  type WalChunk,
} from "./replication_stream.ts";
export type { TimelineEntry, TimelineHistory } from "./timeline.ts";
export type { BaseBackupOptions } from "./backup_command.ts";
export type { BackupPosition, Tablespace } from "./backup_request.ts";
export { type BackupFile, type BackupProgress, BaseBackup } from "./base_backup.ts";
export {
  type PublicationChange,
  type PublicationContent,
  type PublicationInfo,
  type Publications,
  publications,
  type PublicationSettings,
  type PublicationSpec,
  type PublicationTable,
  type PublishedChange,
  type PublishedTable,
  type TableName,
} from "./publications.ts";
export type { SlotInfo } from "./slot_info.ts";
export { type CopySlotOptions, type NewSlotOptions, type Slots, slots } from "./slots.ts";
export { replicate } from "./replicate.ts";
export { ChangeStream, type RunOptions, type StreamPosition } from "./change_stream.ts";
export type { Batch, BatchOptions } from "./batches.ts";
export type { Lag } from "./lag.ts";
export type {
  PublicationOptions,
  ReconnectOptions,
  ReplicateOptions,
  SlotOptions,
  SnapshotOptions,
} from "./options.ts";
export type {
  ReplicationEndTrace,
  ReplicationReconnectTrace,
  ReplicationStartTrace,
  ReplicationStatusTrace,
  ReplicationTraceMessage,
} from "./replication_trace.ts";
export { SnapshotInterruptedError } from "./snapshot.ts";
export type { StreamState } from "./state.ts";
export type { PreparedEvent, StreamEvent } from "./stream_event.ts";
export type { Transaction } from "./transactions.ts";
export { testDecoding } from "./test_decoding.ts";
export { wal2json } from "./wal2json.ts";
export type { DecodedStartOptions } from "./decoded_stream.ts";
