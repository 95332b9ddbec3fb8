/** Descriptions of tables, as a change stream carries them. */

/** A column of a {@linkcode Relation}. */
export interface RelationColumn {
  /** The column's name. */
  readonly name: string;
  /** The OID of the column's type; of a domain, the domain's own. 0 if the plugin does not send it. */
  readonly type: number;
  /** The type's name: `int4`, `public.mood`; `type 16403` if it is not known. */
  readonly typeName: string;
  /** The type modifier (`pg_attribute.atttypmod`), such as the length of a varchar plus 4; -1 for none. */
  readonly typeModifier: number;
  /** Whether the column is part of the replica identity. With identity `full` each column is. */
  readonly key: boolean;
}

/**
 * A table as the stream describes it. Its columns are those that the publication sends: a column list
 * and unpublished generated columns leave some out.
 */
export interface Relation {
  /** The table's OID; 0 if the plugin does not send it. */
  readonly oid: number;
  /** The name of the table's schema. */
  readonly schema: string;
  /** The table's name. */
  readonly name: string;
  /** Schema and name with a dot between, without quotes: `public.orders`. */
  readonly table: string;
  /**
   * The replica identity, which decides what old rows contain: the primary key (`default`), another
   * unique index (`index`), the whole row (`full`), or nothing. Source: ALTER TABLE.
   */
  readonly identity: ReplicaIdentity;
  /** The columns in the order of the tuples. */
  readonly columns: readonly RelationColumn[];
}

/** The setting REPLICA IDENTITY of a table; `unknown` if the plugin does not send it. */
export type ReplicaIdentity = "default" | "nothing" | "full" | "index" | "unknown";

/**
 * The differences between two descriptions of a table. A renamed column is one removed and one added:
 * the protocol does not tell them apart.
 */
export interface RelationDiff {
  /** Columns that the previous description does not have. */
  readonly added: readonly RelationColumn[];
  /** Columns that only the previous description has. */
  readonly removed: readonly RelationColumn[];
  /** Columns with another type, type modifier, or part in the replica identity. */
  readonly changed: readonly { readonly before: RelationColumn; readonly after: RelationColumn }[];
  /** The previous name, `schema.name`, if the table or its schema was renamed. */
  readonly renamedFrom?: string;
  /** The previous replica identity, if it is another one now. */
  readonly identityBefore?: ReplicaIdentity;
}

/** Returns the differences between two descriptions; without `before` there are none. */
export function relationDiff(before: Relation | undefined, after: Relation): RelationDiff {
  if (before === undefined || before === after) return NO_DIFF;
  const earlier = new Map(before.columns.map((column) => [column.name, column]));
  const added: RelationColumn[] = [];
  const changed: { before: RelationColumn; after: RelationColumn }[] = [];
  for (const column of after.columns) {
    const old = earlier.get(column.name);
    if (old === undefined) added.push(column);
    else if (!isSameColumn(old, column)) changed.push({ before: old, after: column });
    earlier.delete(column.name);
  }
  return {
    added,
    removed: [...earlier.values()],
    changed,
    ...(before.table !== after.table && { renamedFrom: before.table }),
    ...(before.identity !== after.identity && { identityBefore: before.identity }),
  };
}

/** The differences between a description and an equal one. */
export const NO_DIFF: RelationDiff = Object.freeze({
  added: Object.freeze([]),
  removed: Object.freeze([]),
  changed: Object.freeze([]),
});

/** Reports whether two descriptions are equal, the order of their columns included. */
export function isSameRelation(a: Relation, b: Relation): boolean {
  return a.oid === b.oid && a.table === b.table && a.identity === b.identity &&
    isSameShape(a.columns, b.columns);
}

function isSameShape(a: readonly RelationColumn[], b: readonly RelationColumn[]): boolean {
  return a === b || a.length === b.length &&
      a.every((column, i) => column.name === b[i]!.name && isSameColumn(column, b[i]!));
}

function isSameColumn(a: RelationColumn, b: RelationColumn): boolean {
  return a.type === b.type && a.typeModifier === b.typeModifier && a.key === b.key &&
    (a.type !== 0 || a.typeName === b.typeName);
}
