/**
 * Collects transactions that are streamed while they run, so that readers of whole transactions get only
 * what was committed. No I/O.
 */
import { InterfaceError } from "../errors/errors.ts";
import type { StreamEvent } from "./stream_event.ts";
import type { Inbox } from "./inbox.ts";
import type { PrepareMessage, StreamCommit } from "./message.ts";
import type { LogicalMessage } from "./plugin.ts";

/** The changes of one subtransaction, each with its number in the transaction. */
interface Part {
  readonly changes: { readonly change: StreamEvent; readonly size: number; readonly at: number }[];
  bytes: number;
}

/** A running transaction: its subtransactions by ID. */
interface Running {
  readonly parts: Map<number, Part>;
  count: number;
}

/** The running transactions of one stream. */
export class Assembly {
  readonly #inbox: Inbox<StreamEvent>;
  readonly #limit: number;
  readonly #running = new Map<number, Running>();
  #current: Running | undefined;
  #currentXid = 0;
  #bytes = 0;

  constructor(inbox: Inbox<StreamEvent>, limit: number) {
    this.#inbox = inbox;
    this.#limit = limit;
  }

  /**
   * Takes a message of `size` bytes if it belongs to a running transaction; reports whether it does.
   *
   * @throws {InterfaceError} the running transactions are larger than the limit.
   */
  take(message: LogicalMessage, size: number): boolean {
    switch (message.kind) {
      case "streamStart":
        this.#start(message.xid);
        return true;
      case "streamStop":
        this.#current = undefined;
        return true;
      case "streamAbort":
        this.#abort(message.xid, message.subxid);
        return true;
      case "streamCommit":
      case "streamPrepare":
        this.#complete(message);
        return true;
      case "insert":
      case "update":
      case "delete":
      case "truncate":
      case "relation":
      case "message":
        return this.#add(message, size);
      default:
        return false;
    }
  }

  /** Forgets all running transactions: the server sends them again. */
  clear(): void {
    this.#running.clear();
    this.#current = undefined;
    this.#bytes = 0;
  }

  #start(xid: number): void {
    let running = this.#running.get(xid);
    if (running === undefined) this.#running.set(xid, running = { parts: new Map(), count: 0 });
    this.#current = running;
    this.#currentXid = xid;
  }

  #add(change: Extract<LogicalMessage, StreamEvent>, size: number): boolean {
    const running = this.#current;
    if (running === undefined) return false;
    // A description of a table has no ID of its own: it stays with the transaction.
    const xid = change.kind === "relation" ? this.#currentXid : change.xid;
    let part = running.parts.get(xid);
    if (part === undefined) running.parts.set(xid, part = { changes: [], bytes: 0 });
    part.changes.push({ change, size, at: running.count++ });
    part.bytes += size;
    this.#bytes += size;
    if (this.#bytes > this.#limit) {
      throw new InterfaceError(
        `running transactions of more than ${this.#limit} bytes were streamed; ` +
          "raise streamedBytes, leave out streaming, or iterate the stream itself",
      );
    }
    return true;
  }

  #abort(xid: number, subxid: number): void {
    const running = this.#running.get(xid);
    if (running === undefined) return;
    const gone = subxid === xid ? [...running.parts.keys()] : [subxid];
    for (const key of gone) {
      this.#bytes -= running.parts.get(key)?.bytes ?? 0;
      running.parts.delete(key);
    }
    if (subxid === xid) this.#running.delete(xid);
  }

  #complete(message: StreamCommit | PrepareMessage): void {
    const { transaction, xid, endLsn, at } = message;
    const isCommit = message.kind === "streamCommit";
    const commitLsn = (isCommit ? message.commitLsn : message.prepareLsn).value;
    this.#inbox.begin({ kind: isCommit ? "commit" : "prepare", transaction, commitLsn, at });
    const parts = [...this.#running.get(xid)?.parts.values() ?? []];
    const all = parts.flatMap((part) => part.changes).sort((a, b) => a.at - b.at);
    let index = 0;
    for (const { change, size } of all) {
      // As if the transaction came whole: without aborted subtransactions, whose changes have numbers, too.
      if ("index" in change) (change as { index: number }).index = index++;
      void this.#inbox.add(change, size);
    }
    for (const part of parts) this.#bytes -= part.bytes;
    this.#running.delete(xid);
    this.#inbox.end(endLsn.value);
  }
}
