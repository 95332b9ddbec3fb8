/**
 * The way of a message from the decoder to the inbox: messages that bound transactions become the ends of
 * units, and changes are added to the unit that is open. No I/O.
 */
import { Assembly } from "./assembly.ts";
import type { Inbox } from "./inbox.ts";
import { Lsn } from "./lsn.ts";
import type {
  CommitPreparedMessage,
  PrepareMessage,
  RollbackPreparedMessage,
  StreamAbort,
  StreamCommit,
} from "./message.ts";
import type { LogicalMessage } from "./plugin.ts";
import type { StreamEvent } from "./stream_event.ts";
import type { TransactionInfo } from "./transaction_info.ts";
import type { UnitKind } from "./unit.ts";

/** Passes the messages of one stream on to its inbox. */
export class Intake {
  readonly #inbox: Inbox<StreamEvent>;
  /** Collects the parts of running transactions; absent where the reader wants the parts. */
  readonly #assembly: Assembly | undefined;
  /** The IDs of running transactions of which parts were passed on. */
  readonly #streamed = new Map<number, TransactionInfo>();

  /** With `streamedBytes`, running transactions are collected up to that size. */
  constructor(inbox: Inbox<StreamEvent>, streamedBytes: number | undefined) {
    this.#inbox = inbox;
    if (streamedBytes !== undefined) this.#assembly = new Assembly(inbox, streamedBytes);
  }

  /**
   * Takes a message that came in so many bytes. A returned promise settles when more may come.
   */
  take(message: LogicalMessage, size: number): Promise<void> | undefined {
    const assembly = this.#assembly;
    if (assembly !== undefined && assembly.take(message, size)) return undefined;
    const inbox = this.#inbox;
    switch (message.kind) {
      case "insert":
      case "update":
      case "delete":
      case "truncate":
      case "relation":
        return inbox.add(message, size);
      case "message":
        return message.transactional ? inbox.add(message, size) : this.#loose(message, size);
      case "commit":
        inbox.end(message.endLsn.value);
        return undefined;
      case "prepare":
        if (assembly === undefined) void inbox.add(message, size);
        inbox.end(message.endLsn.value);
        return undefined;
      default:
        return this.#bound(message, size);
    }
  }

  /** Notes that the connection was lost: parts of running transactions will come again. */
  interrupted(): void {
    this.#assembly?.clear();
    this.#inbox.interrupted();
    for (const [xid, transaction] of this.#streamed) {
      this.#inbox.begin({ kind: "streamed", transaction, commitLsn: 0n });
      const nothing = { lsn: undefined, at: undefined };
      this.#inbox.add({ kind: "streamAbort", transaction, xid, subxid: xid, ...nothing }, 0);
      this.#inbox.end(0n);
    }
    this.#streamed.clear();
  }

  /** Takes the messages that come once in a transaction. */
  #bound(message: LogicalMessage, size: number): Promise<void> | undefined {
    switch (message.kind) {
      case "begin":
        this.#begin("commit", message.commitLsn.value, message.transaction);
        return undefined;
      case "beginPrepare":
        this.#begin("prepare", message.prepareLsn.value, message.transaction);
        return undefined;
      case "commitPrepared":
        return this.#alone(message, size, message.commitLsn.value, message.endLsn.value);
      case "rollbackPrepared": {
        // The server sends only the position behind its record, where the next transaction's may begin.
        const { value } = message.endLsn;
        return this.#alone(message, size, value - 1n, value);
      }
      default:
        return this.#part(message, size);
    }
  }

  /** Takes the bounds of parts of running transactions. */
  #part(message: LogicalMessage, size: number): Promise<void> | undefined {
    switch (message.kind) {
      case "streamStart":
        this.#streamed.set(message.xid, message.transaction);
        this.#begin("streamed", 0n, message.transaction);
        return this.#inbox.add(message, size);
      case "streamStop": {
        const held = this.#inbox.add(message, size);
        this.#inbox.end(0n);
        return held;
      }
      case "streamCommit":
        this.#streamed.delete(message.xid);
        return this.#alone(message, size, message.commitLsn.value, message.endLsn.value);
      case "streamPrepare":
        this.#streamed.delete(message.xid);
        return this.#alone(message, size, message.prepareLsn.value, message.endLsn.value);
      case "streamAbort":
        if (message.subxid === message.xid) this.#streamed.delete(message.xid);
        return this.#alone(message, size, 0n, 0n);
      default:
        return undefined; // types and origins
    }
  }

  /** A message outside of transactions: the server skips it if a later position is confirmed. */
  #loose(
    message: Extract<LogicalMessage, { kind: "message" }>,
    size: number,
  ): Promise<void> | undefined {
    const { value } = message.lsn;
    this.#inbox.begin({ kind: "message", commitLsn: value });
    const held = this.#inbox.add(message, size);
    this.#inbox.end(value + 1n);
    return held;
  }

  /** Takes a message that is a unit by itself; `endLsn` is 0 if it has no position to confirm. */
  #alone(
    message: AloneMessage,
    size: number,
    commitLsn: bigint,
    endLsn: bigint,
  ): Promise<void> | undefined {
    const transaction = "transaction" in message ? message.transaction : infoOf(message, commitLsn);
    this.#begin(UNIT_KINDS[message.kind], commitLsn, transaction);
    const isEvent = this.#assembly === undefined;
    const held = isEvent ? this.#inbox.add(message, size) : undefined;
    this.#inbox.end(endLsn);
    return held;
  }

  #begin(kind: UnitKind, commitLsn: bigint, transaction: TransactionInfo): void {
    this.#inbox.begin({ kind, transaction, commitLsn, at: transaction.at });
  }
}

type AloneMessage =
  | CommitPreparedMessage
  | RollbackPreparedMessage
  | StreamCommit
  | StreamAbort
  | PrepareMessage;

const UNIT_KINDS = {
  commitPrepared: "commitPrepared",
  rollbackPrepared: "rollbackPrepared",
  streamCommit: "commit",
  prepare: "prepare",
  streamPrepare: "prepare",
  streamAbort: "streamed",
} as const;

function infoOf(
  { xid, gid, at }: { readonly xid: number; readonly gid: string; readonly at: Date },
  commitLsn: bigint,
): TransactionInfo {
  return { xid, gid, at, commitLsn: new Lsn(commitLsn), origin: undefined };
}
