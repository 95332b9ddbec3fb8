/** The messages of logical decoding that are not changes: the bounds of transactions. */
import type { Lsn } from "./lsn.ts";
import type { Origin, TransactionInfo } from "./transaction_info.ts";

/** The first message of a transaction. Its changes follow, and a {@linkcode CommitMessage}. */
export interface BeginMessage {
  /** Tells the kinds of messages apart. */
  readonly kind: "begin";
  /** The transaction; the object that its changes have, too. */
  readonly transaction: TransactionInfo;
  /** The position of the commit record; `0/0` of a plugin that does not send it beforehand. */
  readonly commitLsn: Lsn;
}

/** The end of a transaction. */
export interface CommitMessage {
  /** Tells the kinds of messages apart. */
  readonly kind: "commit";
  /** The transaction; the object that its changes have, too. */
  readonly transaction: TransactionInfo;
  /** The position of the commit record. */
  readonly commitLsn: Lsn;
  /** The position behind the commit record, which is to be confirmed when all is handled. */
  readonly endLsn: Lsn;
  /** The time of the commit. */
  readonly at: Date;
}

/** The origin of the transaction that has just begun; `transaction.origin` has it, too. */
export interface OriginMessage extends Origin {
  /** Tells the kinds of messages apart. */
  readonly kind: "origin";
  /** The transaction; the object that its changes have, too. */
  readonly transaction: TransactionInfo;
}

/** The name of a type that is not built in. A domain comes with the name of its base type. */
export interface TypeMessage {
  /** Tells the kinds of messages apart. */
  readonly kind: "type";
  /** The type's OID; of a domain, the domain's own. */
  readonly oid: number;
  /** The type's schema. */
  readonly schema: string;
  /** The type's name. */
  readonly name: string;
}

/** The first message of a prepared transaction. */
export interface BeginPrepareMessage {
  /** Tells the kinds of messages apart. */
  readonly kind: "beginPrepare";
  /** The transaction; the object that its changes have, too. */
  readonly transaction: TransactionInfo;
  /** The position of PREPARE TRANSACTION. */
  readonly prepareLsn: Lsn;
  /** The position behind it. */
  readonly endLsn: Lsn;
}

/** The end of a prepared transaction: PREPARE TRANSACTION. COMMIT PREPARED or ROLLBACK PREPARED follows. */
export interface PrepareMessage {
  /** Tells the kinds of messages apart. */
  readonly kind: "prepare" | "streamPrepare";
  /** The transaction; the object that its changes have, too. */
  readonly transaction: TransactionInfo;
  /** The ID of the transaction. */
  readonly xid: number;
  /** The name of the prepared transaction. */
  readonly gid: string;
  /** The position of PREPARE TRANSACTION. */
  readonly prepareLsn: Lsn;
  /**
   * The position behind it. It must not be confirmed before the changes are kept durably: only the
   * decision about them comes later.
   */
  readonly endLsn: Lsn;
  /** The time of PREPARE TRANSACTION. */
  readonly at: Date;
}

/** COMMIT PREPARED. */
export interface CommitPreparedMessage {
  /** Tells the kinds of messages apart. */
  readonly kind: "commitPrepared";
  /** The ID of the transaction. */
  readonly xid: number;
  /** The name of the prepared transaction. */
  readonly gid: string;
  /** The position of COMMIT PREPARED. */
  readonly commitLsn: Lsn;
  /** The position behind it. */
  readonly endLsn: Lsn;
  /** The time of COMMIT PREPARED. */
  readonly at: Date;
}

/** ROLLBACK PREPARED. */
export interface RollbackPreparedMessage {
  /** Tells the kinds of messages apart. */
  readonly kind: "rollbackPrepared";
  /** The ID of the transaction. */
  readonly xid: number;
  /** The name of the prepared transaction. */
  readonly gid: string;
  /** The position behind PREPARE TRANSACTION. */
  readonly prepareEndLsn: Lsn;
  /** The position behind ROLLBACK PREPARED. */
  readonly endLsn: Lsn;
  /** The time of PREPARE TRANSACTION. */
  readonly preparedAt: Date;
  /** The time of ROLLBACK PREPARED. */
  readonly at: Date;
}

/** The start of a part of a transaction that is streamed in progress. */
export interface StreamStart {
  /** Tells the kinds of messages apart. */
  readonly kind: "streamStart";
  /** The transaction; the object that its changes have, too. */
  readonly transaction: TransactionInfo;
  /** The ID of the top-level transaction. */
  readonly xid: number;
  /** Whether this is the transaction's first part in this session of the server. */
  readonly first: boolean;
}

/** The end of a part. Parts of other transactions, or whole transactions, may follow. */
export interface StreamStop {
  /** Tells the kinds of messages apart. */
  readonly kind: "streamStop";
  /** The transaction; the object that its changes have, too. */
  readonly transaction: TransactionInfo;
  /** The ID of the top-level transaction. */
  readonly xid: number;
}

/** The end of a streamed transaction: all parts apply, except aborted subtransactions. */
export interface StreamCommit {
  /** Tells the kinds of messages apart. */
  readonly kind: "streamCommit";
  /** The transaction; the object that its changes have, too. */
  readonly transaction: TransactionInfo;
  /** The ID of the transaction. */
  readonly xid: number;
  /** The position of the commit record. */
  readonly commitLsn: Lsn;
  /** The position behind it, which is to be confirmed when all is handled. */
  readonly endLsn: Lsn;
  /** The time of the commit. */
  readonly at: Date;
}

/**
 * The abort of a streamed transaction (`subxid` equals `xid`), or of a subtransaction: the changes with
 * `subxid` as their `xid` are undone. Each nested subtransaction has an abort of its own.
 */
export interface StreamAbort {
  /** Tells the kinds of messages apart. */
  readonly kind: "streamAbort";
  /** The transaction; the object that its changes have, too. */
  readonly transaction: TransactionInfo;
  /** The ID of the top-level transaction. */
  readonly xid: number;
  /** The ID of the subtransaction; of the whole transaction, `xid`. */
  readonly subxid: number;
  /** The position of the abort; only with `streaming: "parallel"`. */
  readonly lsn: Lsn | undefined;
  /** The time of the abort; only with `streaming: "parallel"`. */
  readonly at: Date | undefined;
}

/** The events of transactions that are streamed in progress. */
export type StreamedEvent =
  | StreamStart
  | StreamStop
  | StreamCommit
  | StreamAbort
  | PrepareMessage & { readonly kind: "streamPrepare" };

/** A message that is not a change. */
export type ControlMessage =
  | BeginMessage
  | CommitMessage
  | OriginMessage
  | TypeMessage
  | BeginPrepareMessage
  | PrepareMessage
  | CommitPreparedMessage
  | RollbackPreparedMessage
  | StreamedEvent;
