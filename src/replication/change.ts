/** Changes of rows, and the other events of a change stream, as users see them. */
import type { Lsn } from "./lsn.ts";
import type { StreamedEvent } from "./message.ts";
import type { Relation, RelationDiff } from "./relation.ts";
import type { ChangeId, TransactionInfo } from "./transaction_info.ts";

/** The rows of tables by `schema.name`, for tables that are not declared. */
export type AnyTables = Record<string, Record<string, unknown>>;

/** The properties that all changes have. */
export interface ChangeInTransaction {
  /** The transaction. */
  readonly transaction: TransactionInfo;
  /** The number of the change in its transaction, from 0. */
  readonly index: number;
  /**
   * The ID of the transaction, or of the subtransaction in a transaction that is streamed in progress.
   * A {@linkcode StreamAbort} with this ID undoes the change.
   */
  readonly xid: number;
  /**
   * The change's stable name.
   *
   * @throws {InterfaceError} the transaction is streamed, and its commit has not come yet.
   */
  readonly id: ChangeId;
}

/** The properties of changes of one row. */
export interface ChangeOfRow<Table extends string> extends ChangeInTransaction {
  /** The table: `schema.name`. With `publish_via_partition_root` the root of a partitioned table. */
  readonly table: Table;
  /** The table's description at the moment of the change. */
  readonly relation: Relation;
}

/** A new row. A row that an update moves into a publication's row filter comes as an insert, too. */
export interface InsertChange<Table extends string = string, R = Record<string, unknown>>
  extends ChangeOfRow<Table> {
  /** Tells the kinds of events apart. */
  readonly kind: "insert";
  /** The row. */
  readonly new: R;
}

/** A row of the initial copy, which is made before the changes. */
export interface SnapshotChange<Table extends string = string, R = Record<string, unknown>>
  extends ChangeOfRow<Table> {
  /** Tells the kinds of events apart. */
  readonly kind: "snapshot";
  /** The row. */
  readonly new: R;
}

/** An updated row. */
export interface UpdateChange<Table extends string = string, R = Record<string, unknown>>
  extends ChangeOfRow<Table> {
  /** Tells the kinds of events apart. */
  readonly kind: "update";
  /** The new row, without the columns of {@linkcode unchanged}. */
  readonly new: Partial<R>;
  /** The old row; only with REPLICA IDENTITY FULL. */
  readonly old: R | undefined;
  /**
   * The columns of the replica identity with the values before the update; with REPLICA IDENTITY FULL
   * the old row. Only these columns are properties.
   */
  readonly key: Partial<R>;
  /**
   * The columns that are absent from `new`, because the server has not sent them: large values, stored
   * out of line (TOAST), that the update leaves as they were. With REPLICA IDENTITY FULL their values
   * come from the old row and none is listed.
   */
  readonly unchanged: readonly (keyof R & string)[];
}

/** A deleted row. A row that an update moves out of a publication's row filter comes as a delete, too. */
export interface DeleteChange<Table extends string = string, R = Record<string, unknown>>
  extends ChangeOfRow<Table> {
  /** Tells the kinds of events apart. */
  readonly kind: "delete";
  /** The old row; only with REPLICA IDENTITY FULL. */
  readonly old: R | undefined;
  /** The columns of the replica identity; with REPLICA IDENTITY FULL the old row. */
  readonly key: Partial<R>;
}

/** Emptied tables. */
export interface TruncateChange extends ChangeInTransaction {
  /** Tells the kinds of events apart. */
  readonly kind: "truncate";
  /** The tables. */
  readonly tables: readonly Relation[];
  /** Whether TRUNCATE was given CASCADE. */
  readonly cascade: boolean;
  /** Whether TRUNCATE was given RESTART IDENTITY. */
  readonly restartIdentity: boolean;
}

/** A message that was written with `pg_logical_emit_message()`. */
export interface MessageChange extends Omit<ChangeInTransaction, "transaction"> {
  /** Tells the kinds of events apart. */
  readonly kind: "message";
  /** The transaction; `undefined` of a message that is not transactional. */
  readonly transaction: TransactionInfo | undefined;
  /** The message's prefix. */
  readonly prefix: string;
  /** The message's content. */
  readonly content: Uint8Array;
  /** Whether the message is part of a transaction, and comes only if that commits. */
  readonly transactional: boolean;
  /** The position of the message. */
  readonly lsn: Lsn;
}

/** A table that is described for the first time, or has changed since its last description. */
export interface RelationChange {
  /** Tells the kinds of events apart. */
  readonly kind: "relation";
  /** The table's description. The rows that follow have these columns. */
  readonly relation: Relation;
  /** The previous description, also of an earlier connection of the same stream. */
  readonly previous: Relation | undefined;
  /** The differences to `previous`; without it, none. */
  readonly diff: RelationDiff;
}

/** A change of a row of one of the `Tables`. */
export type RowChange<Tables = AnyTables> = {
  [Table in keyof Tables & string]:
    | InsertChange<Table, Tables[Table]>
    | UpdateChange<Table, Tables[Table]>
    | DeleteChange<Table, Tables[Table]>
    | SnapshotChange<Table, Tables[Table]>;
}[keyof Tables & string];

/** An event of a change stream. */
export type Change<Tables = AnyTables> =
  | RowChange<Tables>
  | TruncateChange
  | MessageChange
  | RelationChange
  | StreamedEvent;
