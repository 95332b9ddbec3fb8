/**
 * The objects of changes. One object is made for each change, beside its row; identifiers are made when
 * they are asked for.
 */
import type {
  DeleteChange,
  InsertChange,
  MessageChange,
  SnapshotChange,
  TruncateChange,
  UpdateChange,
} from "./change.ts";
import type { Lsn } from "./lsn.ts";
import type { Relation } from "./relation.ts";
import { ChangeId, changeId, type TransactionInfo } from "./transaction_info.ts";

/** The row of a change: an object, or an array with the option `rows: "array"`. */
export type DecodedRow = Record<string, unknown>;

/** The properties that are for the program only are left out of JSON. */
type Json = Record<string, unknown>;

/** A new row. */
export class InsertedRow implements InsertChange {
  readonly kind = "insert";
  readonly table: string;
  readonly relation: Relation;
  readonly new: DecodedRow;
  readonly transaction: TransactionInfo;
  readonly index: number;
  readonly xid: number;

  constructor(
    relation: Relation,
    row: DecodedRow,
    transaction: TransactionInfo,
    index: number,
    xid: number,
  ) {
    this.table = relation.table;
    this.relation = relation;
    this.new = row;
    this.transaction = transaction;
    this.index = index;
    this.xid = xid;
  }

  get id(): ChangeId {
    return changeId(this.transaction, this.index);
  }

  toJSON(): Json {
    return { kind: this.kind, table: this.table, id: idOf(this), new: this.new };
  }
}

/** A row of the initial copy. */
export class SnapshotRow implements SnapshotChange {
  readonly kind = "snapshot";
  readonly table: string;
  readonly relation: Relation;
  readonly new: DecodedRow;
  readonly transaction: TransactionInfo;
  readonly index: number;
  readonly xid: number;

  constructor(relation: Relation, row: DecodedRow, transaction: TransactionInfo, index: number) {
    this.table = relation.table;
    this.relation = relation;
    this.new = row;
    this.transaction = transaction;
    this.index = index;
    this.xid = transaction.xid;
  }

  get id(): ChangeId {
    return changeId(this.transaction, this.index);
  }

  toJSON(): Json {
    return { kind: this.kind, table: this.table, id: idOf(this), new: this.new };
  }
}

/** An updated row. */
export class UpdatedRow implements UpdateChange {
  readonly kind = "update";
  readonly table: string;
  readonly relation: Relation;
  readonly new: DecodedRow;
  readonly old: DecodedRow | undefined;
  readonly key: DecodedRow;
  readonly unchanged: readonly string[];
  readonly transaction: TransactionInfo;
  readonly index: number;
  readonly xid: number;

  constructor(
    relation: Relation,
    row: DecodedRow,
    old: DecodedRow | undefined,
    key: DecodedRow,
    unchanged: readonly string[],
    transaction: TransactionInfo,
    index: number,
    xid: number,
  ) {
    this.table = relation.table;
    this.relation = relation;
    this.new = row;
    this.old = old;
    this.key = key;
    this.unchanged = unchanged;
    this.transaction = transaction;
    this.index = index;
    this.xid = xid;
  }

  get id(): ChangeId {
    return changeId(this.transaction, this.index);
  }

  toJSON(): Json {
    const { kind, table, key, old, unchanged } = this;
    return { kind, table, id: idOf(this), key, old, new: this.new, unchanged };
  }
}

/** A deleted row. */
export class DeletedRow implements DeleteChange {
  readonly kind = "delete";
  readonly table: string;
  readonly relation: Relation;
  readonly old: DecodedRow | undefined;
  readonly key: DecodedRow;
  readonly transaction: TransactionInfo;
  readonly index: number;
  readonly xid: number;

  constructor(
    relation: Relation,
    old: DecodedRow | undefined,
    key: DecodedRow,
    transaction: TransactionInfo,
    index: number,
    xid: number,
  ) {
    this.table = relation.table;
    this.relation = relation;
    this.old = old;
    this.key = key;
    this.transaction = transaction;
    this.index = index;
    this.xid = xid;
  }

  get id(): ChangeId {
    return changeId(this.transaction, this.index);
  }

  toJSON(): Json {
    const { kind, table, key, old } = this;
    return { kind, table, id: idOf(this), key, old };
  }
}

/** Emptied tables. */
export class TruncatedTables implements TruncateChange {
  readonly kind = "truncate";
  readonly tables: readonly Relation[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
  readonly transaction: TransactionInfo;
  readonly index: number;
  readonly xid: number;

  constructor(
    tables: readonly Relation[],
    how: { readonly cascade: boolean; readonly restartIdentity: boolean },
    transaction: TransactionInfo,
    index: number,
    xid: number,
  ) {
    this.tables = tables;
    this.cascade = how.cascade;
    this.restartIdentity = how.restartIdentity;
    this.transaction = transaction;
    this.index = index;
    this.xid = xid;
  }

  get id(): ChangeId {
    return changeId(this.transaction, this.index);
  }

  toJSON(): Json {
    const { kind, cascade, restartIdentity } = this;
    const tables = this.tables.map(({ table }) => table);
    return { kind, tables, id: idOf(this), cascade, restartIdentity };
  }
}

/** A message of `pg_logical_emit_message()`. */
export class EmittedMessage implements MessageChange {
  readonly kind = "message";
  readonly prefix: string;
  readonly content: Uint8Array;
  readonly transactional: boolean;
  readonly lsn: Lsn;
  readonly transaction: TransactionInfo | undefined;
  readonly index: number;
  readonly xid: number;

  constructor(
    prefix: string,
    content: Uint8Array,
    lsn: Lsn,
    transaction: TransactionInfo | undefined,
    index: number,
    xid: number,
  ) {
    this.prefix = prefix;
    this.content = content;
    this.transactional = transaction !== undefined;
    this.lsn = lsn;
    this.transaction = transaction;
    this.index = index;
    this.xid = xid;
  }

  get id(): ChangeId {
    const { transaction, lsn, index } = this;
    return transaction === undefined ? new ChangeId(lsn, 0) : changeId(transaction, index);
  }
}

/** Returns the identifier for JSON; `undefined` while the transaction is in progress. */
function idOf(change: { readonly transaction: TransactionInfo; readonly id: ChangeId }) {
  return change.transaction.commitLsn === undefined ? undefined : change.id;
}
