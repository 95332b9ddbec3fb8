/** The transaction of a change, and the stable name of a change. */
import { InterfaceError } from "../errors/errors.ts";
import type { Lsn } from "./lsn.ts";

/**
 * A stable name of a change: the position of its transaction's commit, and its number in the
 * transaction. A transaction that is delivered again after a reconnect has the same names, so that a
 * receiver can tell what it has applied already.
 */
export class ChangeId {
  /** The position of the commit record; of a non-transactional message, its own position. */
  readonly commitLsn: Lsn;
  /** The number of the change in its transaction, from 0. Events of relations do not count. */
  readonly index: number;

  /** Creates an identifier. */
  constructor(commitLsn: Lsn, index: number) {
    this.commitLsn = commitLsn;
    this.index = index;
  }

  /** Returns the identifier as text: `"0/16B3748:2"`. */
  toString(): string {
    return `${this.commitLsn}:${this.index}`;
  }

  /** Returns the identifier as text, because JSON has no bigint. */
  toJSON(): string {
    return this.toString();
  }
}

/** The origin of a transaction that was replicated from elsewhere. Source: "Replication Progress Tracking". */
export interface Origin {
  /** The name of the replication origin. */
  readonly name: string;
  /** The position of the commit at the origin. */
  readonly lsn: Lsn;
}

/** The transaction that a change belongs to. */
export interface TransactionInfo {
  /** The transaction's ID; 0 if the plugin does not send it. */
  readonly xid: number;
  /**
   * The position of the commit record; of a prepared transaction, of its PREPARE TRANSACTION.
   * `undefined` while a transaction is streamed in progress.
   */
  readonly commitLsn: Lsn | undefined;
  /** The time of the commit, or of PREPARE TRANSACTION. `undefined` as {@linkcode commitLsn} is. */
  readonly at: Date | undefined;
  /** The name of a prepared transaction. */
  readonly gid: string | undefined;
  /** The origin, if the transaction was replicated from elsewhere. */
  readonly origin: Origin | undefined;
}

/** The mutable form of {@linkcode TransactionInfo}, for decoders. */
export class TransactionHead implements TransactionInfo {
  readonly xid: number;
  commitLsn: Lsn | undefined;
  at: Date | undefined;
  gid: string | undefined;
  origin: Origin | undefined;

  constructor(xid: number, commitLsn?: Lsn, at?: Date, gid?: string) {
    this.xid = xid;
    this.commitLsn = commitLsn;
    this.at = at;
    this.gid = gid;
    this.origin = undefined;
  }
}

/** Returns the identifier of a change. @throws {InterfaceError} the commit has not come yet. */
export function changeId({ commitLsn }: TransactionInfo, index: number): ChangeId {
  if (commitLsn === undefined) {
    throw new InterfaceError(
      "the change of a transaction that is streamed in progress has no id before its commit",
    );
  }
  return new ChangeId(commitLsn, index);
}
