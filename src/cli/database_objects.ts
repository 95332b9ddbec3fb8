/** Reads the objects of a database of which `types` prints types. */
import type { Connection } from "../connection.ts";
import { columnsOf } from "../features/late_sql.ts";
import { quoteIdentifier } from "../query/quote.ts";
import { Catalogue } from "../typed/catalogue.ts";
import { loadCatalogue, noReferences } from "../typed/catalogue_queries.ts";
import { type DescribedType, describeType } from "../typed/described_type.ts";
import { inspect, type InspectedColumn, type InspectOptions } from "../typed/typed.ts";
import { FUNCTIONS, TABLES, TYPES } from "./object_queries.ts";

/** A column of a table or view. */
export interface TableColumn {
  readonly name: string;
  readonly comment: string | null;
  /** How it is read: with its type, and whether it can be NULL. */
  readonly read: InspectedColumn;
  /** Whether storing NULL in it fails. */
  readonly refusesNull: boolean;
  /** Whether INSERT may leave it out: it has a default, or can be NULL. */
  readonly isOptional: boolean;
  /** Whether it is computed, so that no statement stores it. */
  readonly isGenerated: boolean;
}

/** A table or a view. */
export interface TableObject {
  readonly schema: string;
  readonly name: string;
  readonly isView: boolean;
  readonly comment: string | null;
  readonly columns: readonly TableColumn[];
}

/** An enum or a composite type. */
export interface TypeObject {
  readonly comment: string | null;
  readonly type: DescribedType;
}

/** A function or procedure. */
export interface FunctionObject {
  readonly schema: string;
  readonly name: string;
  readonly comment: string | null;
  readonly arguments: readonly {
    readonly name: string;
    readonly type: DescribedType;
    readonly isOptional: boolean;
  }[];
  readonly returns: DescribedType;
  /** The columns of what it returns, where they are declared: `returns table (…)`, OUT. */
  readonly columns: readonly { readonly name: string; readonly type: DescribedType }[];
  readonly isSet: boolean;
}

/** All of them, each kind in the order of schemas and names. */
export interface DatabaseObjects {
  readonly tables: readonly TableObject[];
  readonly enums: readonly TypeObject[];
  readonly composites: readonly TypeObject[];
  readonly functions: readonly FunctionObject[];
}

/** Reads the objects of some schemas; of all but PostgreSQL's own unless they are named. */
export async function readObjects(
  db: Connection,
  schemas: readonly string[] | undefined,
  options: InspectOptions,
): Promise<DatabaseObjects> {
  const wanted = [schemas ?? null];
  const ask = async <Row>(text: string): Promise<Row[]> =>
    [...await db.query(text, wanted, OPTIONS)] as unknown as Row[];
  const [tables, types, functions] = await Promise.all([
    ask<TableRow>(TABLES),
    ask<TypeRow>(TYPES),
    ask<FunctionRow>(FUNCTIONS),
  ]);
  const catalogue = new Catalogue({ neverNull: new Set(), domains: false });
  const references = noReferences();
  for (const [oid] of types) references.types.add(oid);
  for (const row of functions) for (const oid of [row[4], ...row[5]]) references.types.add(oid);
  await loadCatalogue(db, catalogue, references);
  const described = types.map(([oid, comment]) => ({
    comment,
    type: describeType(catalogue, oid),
  }));
  return {
    tables: await tableObjects(db, tables, options),
    enums: described.filter(({ type }) => type.kind === "enum"),
    composites: described.filter(({ type }) => type.kind === "composite"),
    functions: functions.map((row) => functionObject(row, catalogue)),
  };
}

const OPTIONS = { rows: "array", prepare: false, types: { arrays: "array" } } as const;

type TableRow = [
  schema: string,
  name: string,
  kind: string,
  comment: string | null,
  names: string[],
  comments: (string | null)[],
  notNull: boolean[],
  optional: boolean[],
  generated: boolean[],
];

/** Rows are found by inspecting `select *`; a view's NULLs follow from its query. */
async function tableObjects(
  db: Connection,
  rows: readonly TableRow[],
  options: InspectOptions,
): Promise<TableObject[]> {
  const found = await inspect(
    db,
    rows.map(([schema, name]) => columnsOf(["*"], quoteIdentifier(schema, name))),
    options,
  );
  return rows.map(([schema, name, kind, comment, names, ...lists], i) => {
    const [comments, notNull, optional, generated] = lists;
    const { columns } = found[i]!;
    return {
      ...{ schema, name, comment, isView: kind === "v" || kind === "m" },
      columns: columns.map((read, j) => {
        const at = names[j] === read.name ? j : names.indexOf(read.name);
        return {
          ...{ name: read.name, read, comment: comments[at] ?? null },
          refusesNull: notNull[at] ?? false,
          isOptional: optional[at] ?? true,
          isGenerated: generated[at] ?? false,
        };
      }),
    };
  });
}

type TypeRow = [oid: number, comment: string | null];

type FunctionRow = [
  schema: string,
  name: string,
  comment: string | null,
  isSet: boolean,
  returns: number,
  types: number[],
  names: string[] | null,
  modes: string[] | null,
  defaults: number,
];

function functionObject(row: FunctionRow, catalogue: Catalogue): FunctionObject {
  const [schema, name, comment, isSet, returns, types, names, modes, defaults] = row;
  const all = types.map((oid, i) => ({
    name: names?.[i] ?? "",
    mode: modes?.[i] ?? "i",
    type: describeType(catalogue, oid),
  }));
  const given = all.filter(({ mode }) => "ibv".includes(mode));
  return {
    ...{ schema, name, comment, isSet, returns: describeType(catalogue, returns) },
    arguments: given.map((one, i) => ({
      ...one,
      isOptional: i >= given.length - defaults,
    })),
    columns: all.filter(({ mode }) => "obt".includes(mode)),
  };
}
