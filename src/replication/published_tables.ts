/** The published tables, as the snapshot reads them. */
import { InterfaceError } from "../errors/errors.ts";
import { quoteIdentifier } from "../query/quote.ts";
import type { SnapshotOptions } from "./options.ts";
import type { Relation, RelationColumn, ReplicaIdentity } from "./relation.ts";
import { PUBLISHED_TABLES, TABLE_COLUMNS, tableRows } from "./replicate_sql.ts";
import type { Ordinary } from "./side_connection.ts";

/** A table to copy: its description, and the query that reads its rows. */
export interface TableToCopy {
  readonly relation: Relation;
  readonly query: string;
}

/** A row of `pg_publication_tables`; the last two columns exist from PostgreSQL 15 on. */
interface Published {
  readonly schemaname: string;
  readonly tablename: string;
  readonly attnames?: readonly string[] | null;
  readonly rowfilter?: string | null;
}

/** The published properties of one table, of all publications together. */
interface Part {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[] | undefined;
  /** The conditions of which one must hold; `undefined`: all rows are published. */
  filters: string[] | undefined;
}

/**
 * Returns the tables of some publications, with the rows and columns that they publish.
 *
 * @throws {InterfaceError} `snapshot.tables` names a table that is not published.
 */
export async function publishedTables(
  db: Ordinary,
  publications: readonly string[],
  { tables, order }: SnapshotOptions,
): Promise<TableToCopy[]> {
  const parts = partsOf(
    (await db.ask(PUBLISHED_TABLES, [publications])).map(([json]) =>
      JSON.parse(json as string) as Published
    ),
  );
  const wanted: TableToCopy[] = [];
  for (const part of chosen(parts, tables)) {
    const columns = await db.ask(TABLE_COLUMNS, [part.schema, part.name]);
    wanted.push(tableOf(part, columns.map(columnOf), order === "key"));
  }
  return wanted;
}

function partsOf(rows: readonly Published[]): Map<string, Part> {
  const parts = new Map<string, Part>();
  for (const { schemaname: schema, tablename: name, attnames, rowfilter } of rows) {
    const key = `${schema}.${name}`;
    const part = parts.get(key);
    const filters = rowfilter ? [rowfilter] : undefined;
    if (part === undefined) {
      parts.set(key, { schema, name, columns: attnames ?? undefined, filters });
    } else if (filters === undefined) part.filters = undefined;
    else part.filters?.push(...filters);
  }
  return parts;
}

function chosen(parts: ReadonlyMap<string, Part>, names: readonly string[] | undefined): Part[] {
  if (names === undefined) return [...parts.values()];
  return names.map((name) => {
    const part = parts.get(name) ?? parts.get(`public.${name}`);
    if (part !== undefined) return part;
    throw new InterfaceError(`snapshot.tables: "${name}" is not a published table`);
  });
}

/** A column, with properties of its table. */
interface Column {
  readonly oid: number;
  readonly kind: string;
  readonly identity: ReplicaIdentity;
  readonly column: RelationColumn;
  readonly isGenerated: boolean;
  /** The place in the primary key, from 1. */
  readonly keyPlace: number | undefined;
}

const IDENTITIES: Readonly<Record<string, ReplicaIdentity>> = {
  d: "default",
  n: "nothing",
  f: "full",
  i: "index",
};

function columnOf(row: readonly unknown[]): Column {
  const [oid, kind, identity, name, type, modifier, typeName, isGenerated, isKey, place] = row;
  return {
    oid: oid as number,
    kind: kind as string,
    identity: IDENTITIES[identity as string] ?? "unknown",
    column: {
      name: name as string,
      type: type as number,
      typeName: typeName as string,
      typeModifier: modifier as number,
      key: identity === "f" || isKey as boolean,
    },
    isGenerated: isGenerated as boolean,
    keyPlace: place === null ? undefined : Number(place),
  };
}

function tableOf(part: Part, all: readonly Column[], isOrdered: boolean): TableToCopy {
  const { schema, name, filters } = part;
  const named = part.columns === undefined ? undefined : new Set(part.columns);
  const columns = all.filter(({ column, isGenerated }) =>
    named === undefined ? !isGenerated : named.has(column.name)
  );
  const { oid = 0, kind, identity = "unknown" } = all[0] ?? {};
  const key = all.filter(({ keyPlace }) => keyPlace !== undefined)
    .sort((a, b) => a.keyPlace! - b.keyPlace!);
  const table = quoteIdentifier(schema, name);
  return {
    relation: {
      ...{ oid, schema, name, identity },
      table: `${schema}.${name}`,
      columns: columns.map(({ column }) => column),
    },
    query: tableRows(
      columns.map(({ column }) => quoteIdentifier(column.name)),
      // A table's heirs are published by themselves, a root's partitions are not.
      kind === "p" ? table : `only ${table}`,
      filters?.map((filter) => `(${filter})`).join(" or "),
      isOrdered ? key.map(({ column }) => quoteIdentifier(column.name)) : [],
    ),
  };
}
