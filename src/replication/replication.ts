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
