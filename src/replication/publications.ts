import { type DatabaseError, InterfaceError, PgError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { quoteIdentifier } from "../query/quote.ts";
import type { Queryable } from "../queryable.ts";
import { PublicationMissingError } from "./errors.ts";
import { ownQuery } from "./own_query.ts";
import * as sql from "./slot_sql.ts";

/** A kind of change that a publication publishes. */
export type PublishedChange = "insert" | "update" | "delete" | "truncate";

/** The name of a table: `"users"`, `"app.users"`, or its parts, which may contain dots. */
export type TableName = string | readonly string[];

/** A table of a publication, with the parts of it that are published. */
export interface PublicationTable {
  /** The name of the table. */
  table: TableName;
  /** The published columns. They must include the replica identity. Default: all columns. */
  columns?: readonly string[] | undefined;
  /** A condition in SQL that published rows fulfil, such as `"tenant = 7"`: a part of the statement. */
  where?: string | undefined;
  /** Whether tables that inherit from the table are left out. Default `false`. */
  only?: boolean | undefined;
}

/** The settings of a publication. An absent one is the server's default, or stays as it is. */
export interface PublicationSettings {
  /** The kinds of change. Default: all four. */
  publish?: readonly PublishedChange[] | undefined;
  /** Whether changes of partitions are published as those of the partitioned table. */
  viaRoot?: boolean | undefined;
  /** Whether stored generated columns are published (PostgreSQL 18). */
  generated?: "none" | "stored" | undefined;
}

/** The tables of a publication. */
export interface PublicationContent {
  /** The tables, or `"all"` of the database. */
  tables?: "all" | readonly (TableName | PublicationTable)[] | undefined;
  /** Schemas all of whose tables are published (PostgreSQL 15). */
  schemas?: readonly string[] | undefined;
}

/** A publication to be created. */
export interface PublicationSpec extends PublicationContent, PublicationSettings {}

/** A change of a publication. At most one of `add`, `drop` and `set` is given. */
export interface PublicationChange extends PublicationSettings {
  /** The tables and schemas to add. */
  add?: PublicationContent | undefined;
  /** The tables and schemas to remove. */
  drop?: PublicationContent | undefined;
  /** The tables and schemas that replace the present ones. */
  set?: PublicationContent | undefined;
}

/** A publication, as `pg_publication` has it. */
export interface PublicationInfo {
  /** The name of the publication. */
  readonly name: string;
  /** The role that owns it. */
  readonly owner: string;
  /** Whether it publishes all tables of the database. */
  readonly allTables: boolean;
  /** The kinds of change that it publishes. */
  readonly publish: readonly PublishedChange[];
  /** Whether changes of partitions are published as those of the partitioned table. */
  readonly viaRoot: boolean;
  /** Whether stored generated columns are published; `undefined` before PostgreSQL 18. */
  readonly generated: "none" | "stored" | undefined;
}

/** A published table, as `pg_publication_tables` has it. */
export interface PublishedTable {
  /** The publication. */
  readonly publication: string;
  /** The schema of the table. */
  readonly schema: string;
  /** The name of the table. */
  readonly table: string;
  /** The published columns; `undefined` before PostgreSQL 15. */
  readonly columns: readonly string[] | undefined;
  /** The row filter, if there is one. */
  readonly where: string | undefined;
}

/** The functions of {@linkcode publications}. */
export interface Publications {
  /** Returns the publications of the database, by name. */
  list(db: Queryable): Promise<PublicationInfo[]>;
  /**
   * Creates a publication. Create it before the slot: changes that precede it are not sent.
   *
   * @throws {ProgrammingError} the publication exists (42710), or a table does not (42P01).
   */
  create(db: Queryable, name: string, spec: PublicationSpec): Promise<void>;
  /**
   * Changes a publication. Running streams follow without a reconnect.
   *
   * @throws {PublicationMissingError} there is no such publication.
   */
  alter(db: Queryable, name: string, change: PublicationChange): Promise<void>;
  /**
   * Drops a publication. Streams that use it then fail, or from PostgreSQL 18 on send nothing of it.
   *
   * @throws {PublicationMissingError} there is no such publication.
   */
  drop(db: Queryable, name: string): Promise<void>;
  /**
   * Returns the tables of some publications; of partitioned ones, those whose changes are sent.
   *
   * @throws {PublicationMissingError} a publication does not exist.
   */
  tables(db: Queryable, names: string | readonly string[]): Promise<PublishedTable[]>;
  /** Returns the names that are no publications. */
  missing(db: Queryable, names: string | readonly string[]): Promise<string[]>;
}

/**
 * Helpers for publications over an ordinary connection or a pool.
 *
 * @example
 * ```ts ignore
 * await publications.create(db, "shop", {
 *   tables: ["orders", { table: "users", columns: ["id", "name"], where: "not is_test" }],
 * });
 * ```
 */
export const publications: Publications = { list, create, alter, drop, tables, missing };

async function list(db: Queryable): Promise<PublicationInfo[]> {
  const rows = await ownQuery(db, sql.PUBLICATIONS);
  return rows.map(([json, owner]) => {
    const row = JSON.parse(json!) as Readonly<Record<string, unknown>>;
    return {
      name: row.pubname as string,
      owner: owner!,
      allTables: row.puballtables as boolean,
      publish: CHANGES.filter((change) => row[`pub${change}`] === true),
      viaRoot: row.pubviaroot as boolean,
      generated: generatedOf(row.pubgencols),
    };
  });
}

const CHANGES: readonly PublishedChange[] = ["insert", "update", "delete", "truncate"];

function generatedOf(value: unknown): PublicationInfo["generated"] {
  return value === undefined ? undefined : value === "s" ? "stored" : "none";
}

async function create(db: Queryable, name: string, spec: PublicationSpec): Promise<void> {
  const given = own<PublicationSpec>(spec);
  const content = given.tables === "all" && given.schemas === undefined
    ? "for all tables"
    : contentOf(given).map((part) => `for ${part}`).join("");
  await ownQuery(db, sql.createPublication(quoteIdentifier(name), content, settingsOf(given)));
}

async function alter(db: Queryable, name: string, change: PublicationChange): Promise<void> {
  const given = own<PublicationChange>(change);
  const parts = (["add", "drop", "set"] as const).filter((verb) => given[verb] !== undefined);
  if (parts.length > 1) {
    throw new InterfaceError(`alter() takes one of add, drop and set, not ${parts.join(" and ")}`);
  }
  const texts = parts.flatMap((verb) =>
    contentOf(given[verb]!, verb === "drop").map((part) => `${verb} ${part}`)
  );
  const settings = settingsOf(given);
  if (settings !== "") texts.push(sql.newSettings(settings));
  if (texts.length === 0) throw new InterfaceError("alter() needs something to change");
  const quoted = quoteIdentifier(name);
  const run = async (target: Queryable): Promise<void> => {
    for (const text of texts) await ownQuery(target, sql.alterPublication(quoted, text));
  };
  await unlessMissing(name, texts.length > 1 ? db.transaction(run) : run(db));
}

async function drop(db: Queryable, name: string): Promise<void> {
  await unlessMissing(name, ownQuery(db, sql.dropPublication(quoteIdentifier(name))));
}

async function tables(
  db: Queryable,
  names: string | readonly string[],
): Promise<PublishedTable[]> {
  const gone = await missing(db, names);
  if (gone.length > 0) throw new PublicationMissingError(gone);
  const rows = await ownQuery(db, sql.PUBLISHED_TABLES, [listOf(names)]);
  return rows.map(([json]) => {
    const row = JSON.parse(json!) as Readonly<Record<string, unknown>>;
    return {
      publication: row.pubname as string,
      schema: row.schemaname as string,
      table: row.tablename as string,
      columns: row.attnames as string[] | undefined,
      where: row.rowfilter as string | null ?? undefined,
    };
  });
}

async function missing(db: Queryable, names: string | readonly string[]): Promise<string[]> {
  const rows = await ownQuery(db, sql.MISSING_PUBLICATIONS, [listOf(names)]);
  return rows.map(([name]) => name!);
}

function listOf(names: string | readonly string[]): readonly string[] {
  return typeof names === "string" ? [names] : names;
}

/** Rejects with a typed error if the publication does not exist. */
async function unlessMissing(name: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    // A missing table is 42P01, a missing schema 3F000.
    if (!(error instanceof PgError && error.code === "42704")) throw error;
    throw new PublicationMissingError([name], error as DatabaseError);
  }
}

/** Returns the tables and the schemas, as one list of the grammar. */
function contentOf(content: PublicationContent, isDrop = false): string[] {
  const { tables = [], schemas = [] } = own<PublicationContent>(content);
  if (tables === "all") throw new InterfaceError(`tables: "all" only creates a publication`);
  const parts: string[] = [];
  if (tables.length > 0) {
    parts.push(`table ${tables.map((one) => tableOf(one, isDrop)).join(", ")}`);
  }
  if (schemas.length > 0) {
    parts.push(`tables in schema ${schemas.map((name) => quoteIdentifier(name)).join(", ")}`);
  }
  return parts.length === 0 ? [] : [parts.join(", ")];
}

function tableOf(given: TableName | PublicationTable, isDrop: boolean): string {
  const isName = typeof given === "string" || Array.isArray(given);
  const { table, columns, where, only } = own<PublicationTable>(
    isName ? { table: given as TableName } : given as PublicationTable,
  );
  const parts = typeof table === "string" ? table.split(".") : table;
  const name = `${only ? "only " : ""}${quoteIdentifier(...parts)}`;
  if (isDrop) return name;
  const list = columns === undefined
    ? ""
    : ` (${columns.map((column) => quoteIdentifier(column)).join(", ")})`;
  return `${name}${list}${where === undefined ? "" : ` where (${where})`}`;
}

function settingsOf({ publish, viaRoot, generated }: PublicationSettings): string {
  const list: string[] = [];
  if (publish !== undefined) {
    const unknown = publish.find((change) => !CHANGES.includes(change));
    if (unknown !== undefined) {
      throw new InterfaceError(`publish: "${unknown}" is no kind of change`);
    }
    list.push(`publish = '${publish.join(", ")}'`);
  }
  if (viaRoot !== undefined) list.push(`publish_via_partition_root = ${viaRoot === true}`);
  if (generated !== undefined) {
    if (generated !== "none" && generated !== "stored") {
      throw new InterfaceError(`generated must be "none" or "stored"`);
    }
    list.push(`publish_generated_columns = ${generated}`);
  }
  return list.join(", ");
}
