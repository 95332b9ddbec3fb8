/** Reads the objects of a database of which `types` prints types. */
import type { Connection } from "../connection.ts";
import { quoteIdentifier } from "../query/quote.ts";
import { Catalogue } from "../typed/catalogue.ts";
import { loadCatalogue, noReferences } from "../typed/catalogue_queries.ts";
import { type DescribedType, describeType } from "../typed/described_type.ts";
import { inspect, type InspectedColumn, type InspectOptions } from "../typed/typed.ts";

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
    rows.map(([schema, name]) => `select * from ${quoteIdentifier(schema, name)}`),
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

const EQ = "operator(pg_catalog.=)";

/** Objects of the user's: in the schemas that were asked for, and not an extension's. */
const isWanted = (namespace: string, catalog: string, oid: string): string =>
  `case when $1::pg_catalog.text[] is null
    then ${namespace}::pg_catalog.text operator(pg_catalog.!~) '^(pg_|information_schema$)'
    else ${namespace}::pg_catalog.text ${EQ} any ($1) end
  and not exists (select from pg_catalog.pg_depend e where e.objid ${EQ} ${oid}
    and e.classid ${EQ} '${catalog}'::pg_catalog.regclass and e.deptype ${EQ} 'e'::pg_catalog."char")`;

const COLUMNS = `from pg_catalog.pg_attribute a where a.attrelid ${EQ} c.oid
    and not a.attisdropped and a.attnum operator(pg_catalog.>) 0::pg_catalog.int2 order by a.attnum`;

const TABLES = `select n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
  c.relkind::pg_catalog.text, pg_catalog.obj_description(c.oid, 'pg_class'),
  array(select a.attname::pg_catalog.text ${COLUMNS}),
  array(select pg_catalog.col_description(c.oid, a.attnum::pg_catalog.int4) ${COLUMNS}),
  array(select a.attnotnull ${COLUMNS}),
  array(select not a.attnotnull or a.atthasdef or not a.attidentity ${EQ} ''::pg_catalog."char"
    ${COLUMNS}),
  array(select not a.attgenerated ${EQ} ''::pg_catalog."char"
    or a.attidentity ${EQ} 'a'::pg_catalog."char" ${COLUMNS})
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid ${EQ} c.relnamespace
where c.relkind ${EQ} any ('{r,p,f,v,m}'::pg_catalog."char"[]) and not c.relispartition
  and ${isWanted("n.nspname", "pg_catalog.pg_class", "c.oid")}
order by n.nspname collate "C", c.relname collate "C"`;

const TYPES = `select t.oid, pg_catalog.obj_description(t.oid, 'pg_type')
from pg_catalog.pg_type t
join pg_catalog.pg_namespace n on n.oid ${EQ} t.typnamespace
left join pg_catalog.pg_class c on c.oid ${EQ} t.typrelid
where (t.typtype ${EQ} 'e'::pg_catalog."char" or c.relkind ${EQ} 'c'::pg_catalog."char")
  and ${isWanted("n.nspname", "pg_catalog.pg_type", "t.oid")}
order by n.nspname collate "C", t.typname collate "C"`;

/** 2279 is the type of triggers, 3838 that of event triggers. */
const FUNCTIONS = `select n.nspname::pg_catalog.text, p.proname::pg_catalog.text,
  pg_catalog.obj_description(p.oid, 'pg_proc'), p.proretset, p.prorettype,
  coalesce(p.proallargtypes, p.proargtypes::pg_catalog.oid[]), p.proargnames,
  p.proargmodes::pg_catalog.text[], p.pronargdefaults::pg_catalog.int4
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid ${EQ} p.pronamespace
where p.prokind ${EQ} any ('{f,p}'::pg_catalog."char"[])
  and not p.prorettype ${EQ} any ('{2279,3838}'::pg_catalog.oid[])
  and ${isWanted("n.nspname", "pg_catalog.pg_proc", "p.oid")}
order by n.nspname collate "C", p.proname collate "C", p.proargtypes::pg_catalog.text collate "C"`;
