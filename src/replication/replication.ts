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
