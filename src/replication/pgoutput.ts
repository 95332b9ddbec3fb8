/**
 * The messages of the output plugin pgoutput, protocol versions 1 to 4, without input or output: bytes
 * become messages. Source: manual, "Logical Replication Message Formats"; proto.c.
 */
import { Reader } from "../bytes/reader.ts";
import { DataError } from "../errors/errors.ts";
import { AlteredTypeError } from "../types/altered_type.ts";
import {
  type DecodedRow,
  DeletedRow,
  EmittedMessage,
  InsertedRow,
  TruncatedTables,
  UpdatedRow,
} from "./change_objects.ts";
import { ColumnTypes } from "./column_types.ts";
import { Lsn } from "./lsn.ts";
import type { DecoderContext, LogicalDecoder, LogicalMessage } from "./plugin.ts";
import {
  inTable,
  outOfOrder,
  readCommitPrepared,
  readRelation,
  readRollbackPrepared,
  unknownTag,
  wrongTuple,
} from "./pgoutput_fields.ts";
import { type Relation, relationDiff } from "./relation.ts";
import { isKnown, type KnownRelation, Relations } from "./relations.ts";
import { TransactionHead } from "./transaction_info.ts";
import { dateOf } from "./wal_time.ts";

/** A transaction of which messages come, with the number of changes so far. */
interface OpenTransaction {
  readonly head: TransactionHead;
  changes: number;
}

/** Transactions that are streamed at one time. Source: postmaster.h, MAX_BACKENDS. */
const MOST_STREAMED = 0x3ffff;

const KEY_TUPLE = 0x4b;
const OLD_TUPLE = 0x4f;
const NEW_TUPLE = 0x4e;

/** Decodes the messages of one stream. */
export class PgOutputDecoder implements LogicalDecoder<LogicalMessage> {
  readonly #context: DecoderContext;
  readonly #types: ColumnTypes;
  readonly #relations: Relations;
  /** The transaction whose changes come now: within Begin … Commit, or a streamed part. */
  #open: OpenTransaction | undefined;
  /** The streamed transaction between Stream Start and Stream Stop. */
  #streaming: number | undefined;
  /** The transactions that are streamed in progress, by ID. */
  readonly #streamed = new Map<number, OpenTransaction>();

  constructor(context: DecoderContext) {
    this.#context = context;
    this.#types = new ColumnTypes(context);
    this.#relations = new Relations(({ type }) => this.#types.codecOf(type), context.rows);
  }

  reset(): void {
    this.#relations.reset();
    this.#streamed.clear();
    this.#open = undefined;
    this.#streaming = undefined;
  }

  decode(reader: Reader, _start: bigint): LogicalMessage | Promise<LogicalMessage> | undefined {
    const { position, end } = reader;
    reader.what = "pgoutput message";
    try {
      const message = this.#message(reader);
      if (reader.position !== end) reader.finish();
      return message;
    } catch (error) {
      if (!AlteredTypeError.isBehind(error)) throw error;
      return this.#again(reader.buffer.slice(position, end), error);
    }
  }

  /** Decodes a message once more, after its types were looked up again because one was altered. */
  async #again(bytes: Uint8Array, error: unknown): Promise<LogicalMessage> {
    const reader = new Reader(bytes);
    const tag = String.fromCharCode(reader.uint8());
    if (this.#streaming !== undefined) reader.uint32();
    const oid = reader.uint32();
    const { relation } = this.#relations.get(oid, this.#streaming);
    this.#context.types.forget();
    this.#relations.renewDecoders();
    await this.#context.types.learn(this.#types.unknown(relation.columns));
    reader.position = 0;
    try {
      return this.#message(reader) as LogicalMessage;
    } catch (second) {
      if (!AlteredTypeError.isBehind(second)) throw second;
      const { message, code } = error as DataError;
      throw new DataError(
        `${message} (message ${tag}); the row is older than the latest change of the type: ` +
          "give a codec for the type that reads both forms",
        { code, cause: error },
      );
    }
  }

  #message(reader: Reader): LogicalMessage | Promise<LogicalMessage> | undefined {
    const tag = reader.uint8();
    switch (String.fromCharCode(tag)) {
      case "I":
        return this.#insert(reader);
      case "U":
        return this.#update(reader);
      case "D":
        return this.#delete(reader);
      case "B":
        return this.#begin(reader);
      case "C":
        return this.#commit(reader);
      case "R":
        return this.#relation(reader);
      case "Y":
        return this.#type(reader);
      case "T":
        return this.#truncate(reader);
      case "M":
        return this.#emitted(reader);
      case "O":
        return this.#origin(reader);
      case "S":
        return this.#streamStart(reader);
      case "E":
        return this.#streamStop();
      case "c":
        return this.#streamCommit(reader);
      case "A":
        return this.#streamAbort(reader);
      case "b":
        return this.#beginPrepare(reader);
      case "P":
        return this.#prepare(reader, "prepare");
      case "p":
        return this.#prepare(reader, "streamPrepare");
      case "K":
        return readCommitPrepared(reader);
      case "r":
        return readRollbackPrepared(reader);
      default:
        throw unknownTag(tag);
    }
  }

  #insert(reader: Reader): LogicalMessage {
    const open = this.#transaction();
    const xid = this.#xid(reader, open);
    const known = this.#relations.get(reader.uint32(), this.#streaming);
    if (reader.uint8() !== NEW_TUPLE) throw wrongTuple("insert");
    const row = this.#row(known, reader);
    return new InsertedRow(known.relation, row, open.head, open.changes++, xid);
  }

  #update(reader: Reader): LogicalMessage {
    const open = this.#transaction();
    const xid = this.#xid(reader, open);
    const known = this.#relations.get(reader.uint32(), this.#streaming);
    const rows = this.#relations.rowsOf(known);
    let kind = reader.uint8();
    let old: DecodedRow | undefined;
    let key: DecodedRow | undefined;
    if (kind === KEY_TUPLE || kind === OLD_TUPLE) {
      if (kind === KEY_TUPLE) key = this.#key(known, reader);
      else key = old = this.#row(known, reader);
      kind = reader.uint8();
    }
    if (kind !== NEW_TUPLE) throw wrongTuple("update");
    const row = this.#row(known, reader, old);
    const { unchanged } = rows;
    key ??= rows.keyOf(row);
    const { relation } = known;
    return new UpdatedRow(relation, row, old, key, unchanged, open.head, open.changes++, xid);
  }

  #delete(reader: Reader): LogicalMessage {
    const open = this.#transaction();
    const xid = this.#xid(reader, open);
    const known = this.#relations.get(reader.uint32(), this.#streaming);
    const kind = reader.uint8();
    if (kind !== KEY_TUPLE && kind !== OLD_TUPLE) throw wrongTuple("delete");
    const old = kind === OLD_TUPLE ? this.#row(known, reader) : undefined;
    const key = old ?? this.#key(known, reader);
    return new DeletedRow(known.relation, old, key, open.head, open.changes++, xid);
  }

  #row(known: KnownRelation, reader: Reader, old?: DecodedRow): DecodedRow {
    try {
      return this.#relations.rowsOf(known).row(reader, old);
    } catch (error) {
      throw inTable(known.relation, error);
    }
  }

  #key(known: KnownRelation, reader: Reader): DecodedRow {
    try {
      return this.#relations.rowsOf(known).key(reader);
    } catch (error) {
      throw inTable(known.relation, error);
    }
  }

  #truncate(reader: Reader): LogicalMessage {
    const open = this.#transaction();
    const xid = this.#xid(reader, open);
    const count = reader.int32();
    const flags = reader.uint8();
    reader.count(count, 4);
    const tables: Relation[] = [];
    for (let i = 0; i < count; i++) {
      tables.push(this.#relations.get(reader.uint32(), this.#streaming).relation);
    }
    const how = { cascade: (flags & 1) !== 0, restartIdentity: (flags & 2) !== 0 };
    return new TruncatedTables(tables, how, open.head, open.changes++, xid);
  }

  #emitted(reader: Reader): LogicalMessage {
    const streamed = this.#streaming === undefined ? undefined : reader.uint32();
    const isTransactional = (reader.uint8() & 1) !== 0;
    const lsn = new Lsn(reader.uint64());
    const prefix = reader.cstring();
    const content = reader.bytes(reader.int32());
    if (!isTransactional) return new EmittedMessage(prefix, content, lsn, undefined, 0, 0);
    const open = this.#transaction();
    const xid = streamed ?? open.head.xid;
    return new EmittedMessage(prefix, content, lsn, open.head, open.changes++, xid);
  }

  #begin(reader: Reader): LogicalMessage {
    const commitLsn = new Lsn(reader.uint64());
    const at = dateOf(reader.int64());
    const transaction = new TransactionHead(reader.uint32(), commitLsn, at);
    this.#start(transaction);
    return { kind: "begin", transaction, commitLsn };
  }

  #commit(reader: Reader): LogicalMessage {
    const transaction = this.#end();
    reader.uint8();
    const commitLsn = new Lsn(reader.uint64());
    const endLsn = new Lsn(reader.uint64());
    return { kind: "commit", transaction, commitLsn, endLsn, at: dateOf(reader.int64()) };
  }

  #origin(reader: Reader): LogicalMessage {
    const transaction = this.#transaction().head;
    const lsn = new Lsn(reader.uint64());
    const name = reader.cstring();
    transaction.origin = { name, lsn };
    return { kind: "origin", transaction, name, lsn };
  }

  #type(reader: Reader): LogicalMessage {
    if (this.#streaming !== undefined) reader.uint32();
    const oid = reader.uint32();
    const schema = reader.cstring() || "pg_catalog";
    const name = reader.cstring();
    this.#types.add(oid, { schema, name });
    return { kind: "type", oid, schema, name };
  }

  #relation(reader: Reader): LogicalMessage | Promise<LogicalMessage> | undefined {
    const streaming = this.#streaming;
    if (streaming !== undefined) reader.uint32();
    const relation = readRelation(reader);
    const unknown = this.#types.unknown(relation.columns);
    if (unknown.length === 0) return this.#described(relation, streaming);
    return this.#context.types.learn(unknown).then(() => {
      this.#types.lookedUp(relation, unknown);
      return this.#described(relation, streaming) as LogicalMessage;
    });
  }

  #described(unnamed: Relation, streaming: number | undefined): LogicalMessage | undefined {
    const columns = unnamed.columns.map((c) => ({ ...c, typeName: this.#types.nameOf(c.type) }));
    const { relation, previous } = this.#relations.add({ ...unnamed, columns }, streaming);
    if (isKnown(relation, previous)) return undefined;
    return { kind: "relation", relation, previous, diff: relationDiff(previous, relation) };
  }

  #streamStart(reader: Reader): LogicalMessage {
    if (this.#open !== undefined) throw outOfOrder("a streamed part begins within a transaction");
    const xid = reader.uint32();
    const first = reader.uint8() === 1;
    this.#open = this.#streamedBy(xid);
    this.#streaming = xid;
    return { kind: "streamStart", transaction: this.#open.head, xid, first };
  }

  #streamStop(): LogicalMessage {
    const xid = this.#streaming;
    if (xid === undefined) throw outOfOrder("a streamed part ends that has not begun");
    const transaction = this.#end();
    return { kind: "streamStop", transaction, xid };
  }

  #streamCommit(reader: Reader): LogicalMessage {
    const xid = reader.uint32();
    const { head: transaction } = this.#streamEnd(xid);
    reader.uint8();
    const commitLsn = transaction.commitLsn = new Lsn(reader.uint64());
    const endLsn = new Lsn(reader.uint64());
    const at = transaction.at = dateOf(reader.int64());
    this.#relations.commit(xid);
    return { kind: "streamCommit", transaction, xid, commitLsn, endLsn, at };
  }

  /** Source: proto.c, `logicalrep_write_stream_abort`: the option decides about the position and the time. */
  #streamAbort(reader: Reader): LogicalMessage {
    const xid = reader.uint32();
    const subxid = reader.uint32();
    const open = subxid === xid ? this.#streamEnd(xid) : this.#streamedBy(xid);
    const hasPosition = this.#context.options.streaming === "parallel";
    const lsn = hasPosition ? new Lsn(reader.uint64()) : undefined;
    const at = hasPosition ? dateOf(reader.int64()) : undefined;
    this.#relations.abort(xid);
    return { kind: "streamAbort", transaction: open.head, xid, subxid, lsn, at };
  }

  #beginPrepare(reader: Reader): LogicalMessage {
    const prepareLsn = new Lsn(reader.uint64());
    const endLsn = new Lsn(reader.uint64());
    const at = dateOf(reader.int64());
    const xid = reader.uint32();
    const transaction = new TransactionHead(xid, prepareLsn, at, reader.cstring());
    this.#start(transaction);
    return { kind: "beginPrepare", transaction, prepareLsn, endLsn };
  }

  #prepare(reader: Reader, kind: "prepare" | "streamPrepare"): LogicalMessage {
    reader.uint8();
    const prepareLsn = new Lsn(reader.uint64());
    const endLsn = new Lsn(reader.uint64());
    const at = dateOf(reader.int64());
    const xid = reader.uint32();
    const gid = reader.cstring();
    const transaction = kind === "prepare" ? this.#end() : this.#streamEnd(xid).head;
    transaction.commitLsn = prepareLsn;
    transaction.at = at;
    transaction.gid = gid;
    if (kind === "streamPrepare") this.#relations.abort(xid);
    return { kind, transaction, xid, gid, prepareLsn, endLsn, at };
  }

  /** Returns the transaction that a message belongs to. */
  #transaction(): OpenTransaction {
    if (this.#open === undefined) throw outOfOrder("a change outside of a transaction");
    return this.#open;
  }

  /** Reads the ID of the (sub)transaction, which only messages of streamed parts have. */
  #xid(reader: Reader, { head }: OpenTransaction): number {
    return this.#streaming === undefined ? head.xid : reader.uint32();
  }

  #start(head: TransactionHead): void {
    if (this.#open !== undefined) throw outOfOrder("a transaction begins within another");
    this.#open = { head, changes: 0 };
  }

  #end(): TransactionHead {
    const { head } = this.#transaction();
    this.#open = undefined;
    this.#streaming = undefined;
    return head;
  }

  /** Returns a streamed transaction, from its first part on. */
  #streamedBy(xid: number): OpenTransaction {
    let open = this.#streamed.get(xid);
    if (open !== undefined) return open;
    if (this.#streamed.size >= MOST_STREAMED) throw outOfOrder("too many streamed transactions");
    open = { head: new TransactionHead(xid), changes: 0 };
    this.#streamed.set(xid, open);
    return open;
  }

  #streamEnd(xid: number): OpenTransaction {
    if (this.#open !== undefined) throw outOfOrder("a streamed transaction ends within another");
    const open = this.#streamedBy(xid);
    this.#streamed.delete(xid);
    return open;
  }
}
