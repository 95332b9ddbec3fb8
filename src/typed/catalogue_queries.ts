/**
 * Asks the server for the relations, functions and types that statements refer to. Each function,
 * type and operator of the queries is qualified: nothing depends on the session's `search_path`.
 */
import type { Queryable } from "../queryable.ts";
import { DataError } from "../errors/errors.ts";
import type { Catalogue, KnownFunction, KnownType, Relation } from "./catalogue.ts";
import { type NodeValue, readNodeText, TreeNode } from "./node_text.ts";

/** OIDs of objects, by their kind. */
export interface References {
  readonly relations: Set<number>;
  readonly functions: Set<number>;
  readonly types: Set<number>;
}

/** Makes empty sets. */
export function noReferences(): References {
  return { relations: new Set(), functions: new Set(), types: new Set() };
}

/** Adds what a tree refers to. */
export function addReferences(tree: NodeValue, to: References): void {
  if (Array.isArray(tree)) {
    for (const item of tree) addReferences(item, to);
  } else if (tree instanceof TreeNode) {
    for (const [field, kind] of FIELDS) {
      const oid = Number(tree.text(field) ?? 0);
      if (oid > 0) to[kind].add(oid);
    }
    for (const value of tree.values) addReferences(value, to);
  }
}

const TYPE_FIELDS = [
  ...["consttype", "vartype", "paramtype", "funcresulttype", "opresulttype", "aggtype", "wintype"],
  ...["resulttype", "coalescetype", "minmaxtype", "casetype", "array_typeid", "element_typeid"],
  ...["row_typeid", "refrestype", "refelemtype", "typeId"],
] as const;

const FIELDS: readonly (readonly [field: string, kind: keyof References])[] = [
  ["relid", "relations"],
  ...["funcid", "opfuncid", "aggfnoid", "winfnoid"].map((field) => [field, "functions"] as const),
  ...TYPE_FIELDS.map((field) => [field, "types"] as const),
];

/** Loads what is not known yet, and what that refers to in turn. */
export async function loadCatalogue(
  db: Queryable,
  catalogue: Catalogue,
  wanted: References,
): Promise<void> {
  for (let more: References | undefined = wanted; more !== undefined;) {
    const relations = [...more.relations].filter((oid) => !catalogue.relations.has(oid));
    const functions = [...more.functions].filter((oid) => !catalogue.functions.has(oid));
    const types = [...more.types].filter((oid) => !catalogue.types.has(oid));
    if (relations.length + functions.length + types.length === 0) return;
    const [foundRelations, foundFunctions, foundTypes] = await Promise.all([
      relations.length > 0 ? loadRelations(db, relations) : [],
      functions.length > 0 ? loadFunctions(db, functions) : [],
      types.length > 0 ? loadTypes(db, types) : [],
    ]);
    more = noReferences();
    for (const one of foundRelations) {
      catalogue.relations.set(one.oid, one);
      more.types.add(one.typeOid);
      for (const { typeOid } of one.columns) more.types.add(typeOid);
      if (one.query) addReferences(one.query, more);
    }
    for (const one of foundFunctions) catalogue.functions.set(one.oid, one);
    for (const one of foundTypes) catalogue.types.set(one.oid, one);
  }
}

const OPTIONS = {
  rows: "array",
  prepare: false,
  types: { int8: "bigint", arrays: "array" },
} as const;

type RelationRow = [
  oid: number,
  schema: string,
  name: string,
  kind: string,
  typeOid: number,
  isReplaced: boolean,
  hasTriggers: boolean,
  numbers: number[],
  names: string[],
  types: number[],
  notNullAlone: boolean[],
  notNull: boolean[],
  generated: boolean[],
  query: string | null,
];

async function loadRelations(db: Queryable, oids: readonly number[]): Promise<Relation[]> {
  const rows = await ask<RelationRow>(db, RELATIONS, oids);
  return rows.map((row) => {
    const [oid, schema, name, kind, typeOid, isReplaced, hasTriggers] = row;
    const [, , , , , , , numbers, names, types, notNullAlone, notNull, generated, query] = row;
    const columns = numbers.map((number, i) => ({
      number,
      name: names[i]!,
      typeOid: types[i]!,
      isNotNullAlone: notNullAlone[i]!,
      isNotNull: notNull[i]!,
      isGenerated: generated[i]!,
    }));
    const relation = { oid, schema, name, kind, typeOid, isReplaced, hasTriggers, columns };
    return { ...relation, query: query === null ? undefined : viewQuery(query) };
  });
}

/** Runs a query of which `$1` is a list of OIDs. */
async function ask<Row>(db: Queryable, text: string, oids: readonly number[]): Promise<Row[]> {
  return [...await db.query(text, [`{${oids.join()}}`], OPTIONS)] as unknown as Row[];
}

/** Returns a view's query; `undefined`, so that its columns are nullable, where it cannot be read. */
function viewQuery(text: string): TreeNode | undefined {
  try {
    const query = onlyQuery(text);
    if (query) addReferences(query, noReferences());
    return query;
  } catch (error) {
    if (error instanceof RangeError || error instanceof DataError) return undefined;
    throw error;
  }
}

/** Returns the query within a function's body, or a rule's action; `undefined` for several. */
export function onlyQuery(text: string): TreeNode | undefined {
  let value = readNodeText(text);
  while (Array.isArray(value) && value.length === 1) value = value[0]!;
  return value instanceof TreeNode && value.label === "QUERY" ? value : undefined;
}

/** `equals("a", "b")` is `a = b` by PostgreSQL's own operator. */
const equals = (left: string, right: string): string => `${left} operator(pg_catalog.=) ${right}`;

/**
 * A column is NOT NULL in a table and in all that inherit from it: only from PostgreSQL 18 on does a
 * constraint reach them all, where it is not NO INHERIT. One that is NOT VALID says nothing of the
 * rows from before, and the constraints of foreign tables are not enforced.
 */
export const RELATIONS: string = `with recursive family(root, member) as (
  select oid, oid from pg_catalog.pg_class where ${equals("oid", "any ($1::pg_catalog.oid[])")}
  union
  select f.root, i.inhrelid from family f
    join pg_catalog.pg_inherits i on ${equals("i.inhparent", "f.member")}
), holds as (
  select c.oid as member, a.attname, a.attnotnull
      and not ${equals("c.relkind", "'f'::pg_catalog.\"char\"")}
      and not exists (select from pg_catalog.pg_constraint k
        where ${equals("k.conrelid", "c.oid")} and ${
  equals("k.contype", "'n'::pg_catalog.\"char\"")
}
          and not k.convalidated and ${equals("a.attnum", "any (k.conkey)")}) as is_not_null
    from pg_catalog.pg_class c join pg_catalog.pg_attribute a on ${equals("a.attrelid", "c.oid")}
    where c.oid ${"operator(pg_catalog.=)"} any (array(select member from family))
      and ${"a.attnum operator(pg_catalog.>) 0::pg_catalog.int2"} and not a.attisdropped
)
select c.oid, n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
  c.relkind::pg_catalog.text, c.reltype,
  exists (select from pg_catalog.pg_rewrite r where ${equals("r.ev_class", "c.oid")}
      and not ${equals("r.ev_type", "'1'::pg_catalog.\"char\"")})
    or exists (select from pg_catalog.pg_trigger t where ${equals("t.tgrelid", "c.oid")}
      and not ${
  equals("t.tgtype operator(pg_catalog.&) 64::pg_catalog.int2", "0::pg_catalog.int2")
}),
  exists (select from pg_catalog.pg_trigger t join family f on ${equals("t.tgrelid", "f.member")}
    where ${equals("f.root", "c.oid")}
      and ${equals("t.tgtype operator(pg_catalog.&) 3::pg_catalog.int2", "3::pg_catalog.int2")}),
  array(select a.attnum from pg_catalog.pg_attribute a where ${columnOf("c.oid")}
    order by a.attnum using operator(pg_catalog.<)),
  array(select a.attname::pg_catalog.text from pg_catalog.pg_attribute a where ${columnOf("c.oid")}
    order by a.attnum using operator(pg_catalog.<)),
  array(select a.atttypid from pg_catalog.pg_attribute a where ${columnOf("c.oid")}
    order by a.attnum using operator(pg_catalog.<)),
  array(select (select pg_catalog.bool_and(h.is_not_null) from holds h
      where ${equals("h.member", "c.oid")} and ${equals("h.attname", "a.attname")})
    from pg_catalog.pg_attribute a where ${columnOf("c.oid")}
    order by a.attnum using operator(pg_catalog.<)),
  array(select (select pg_catalog.bool_and(h.is_not_null) from holds h
      where ${
  equals(
    "h.member",
    "any (array(select f.member from family f where " + equals("f.root", "c.oid") + "))",
  )
}
        and ${equals("h.attname", "a.attname")})
    from pg_catalog.pg_attribute a where ${columnOf("c.oid")}
    order by a.attnum using operator(pg_catalog.<)),
  array(select not ${equals("a.attgenerated", "''::pg_catalog.\"char\"")}
    from pg_catalog.pg_attribute a where ${columnOf("c.oid")}
    order by a.attnum using operator(pg_catalog.<)),
  (select r.ev_action::pg_catalog.text from pg_catalog.pg_rewrite r
    where ${equals("r.ev_class", "c.oid")} and ${equals("r.ev_type", "'1'::pg_catalog.\"char\"")}
      and ${equals("c.relkind", "'v'::pg_catalog.\"char\"")})
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on ${equals("n.oid", "c.relnamespace")}
where ${equals("c.oid", "any ($1::pg_catalog.oid[])")}`;

function columnOf(relation: string): string {
  return `${equals("a.attrelid", relation)} and not a.attisdropped
    and a.attnum operator(pg_catalog.>) 0::pg_catalog.int2`;
}

type FunctionRow = [
  oid: number,
  schema: string,
  name: string,
  isStrict: boolean,
  isVolatile: boolean,
];

async function loadFunctions(db: Queryable, oids: readonly number[]): Promise<KnownFunction[]> {
  const rows = await ask<FunctionRow>(db, FUNCTIONS, oids);
  return rows.map(([oid, schema, name, isStrict, isVolatile]) => (
    { oid, schema, name, isStrict, isVolatile }
  ));
}

/** Properties of functions by their OIDs. */
export const FUNCTIONS: string =
  `select p.oid, n.nspname::pg_catalog.text, p.proname::pg_catalog.text,
  p.proisstrict, ${equals("p.provolatile", "'v'::pg_catalog.\"char\"")}
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on ${equals("n.oid", "p.pronamespace")}
where ${equals("p.oid", "any ($1::pg_catalog.oid[])")}`;

type TypeRow = [
  oid: number,
  schema: string,
  name: string,
  kind: string,
  isNotNull: boolean,
  labels: string[],
  elementOid: number,
  baseOid: number,
  rangeSubtypeOid: number,
  rangeOid: number,
  attributeNames: string[],
  attributeOids: number[],
  hasJsonCast: boolean,
];

async function loadTypes(db: Queryable, oids: readonly number[]): Promise<KnownType[]> {
  const rows = await ask<TypeRow>(db, TYPES, oids);
  return rows.map((row) => {
    const [oid, schema, name, kind, isNotNull, labels, elementOid, baseOid] = row;
    const [, , , , , , , , rangeSubtypeOid, rangeOid, names, types, hasJsonCast] = row;
    return {
      ...{ oid, schema, name, isNotNull, labels, elementOid, baseOid, rangeSubtypeOid, rangeOid },
      kind: elementOid !== 0 ? "array" : KINDS[kind] ?? "base",
      attributes: names.map((attribute, i) => ({ name: attribute, oid: types[i]! })),
      hasJsonCast,
    };
  });
}

/** `pg_type.typtype`. */
const KINDS: Readonly<Record<string, KnownType["kind"]>> = {
  c: "composite",
  d: "domain",
  e: "enum",
  m: "multirange",
  p: "pseudo",
  r: "range",
};

/** Casts to `json` (OID 114) that `to_json()` uses are functions of types that are not built in. */
export const TYPES: string = `with recursive wanted(oid) as (
  select pg_catalog.unnest($1::pg_catalog.oid[])
  union
  select part.oid from wanted
  join pg_catalog.pg_type t on ${equals("t.oid", "wanted.oid")}
  left join pg_catalog.pg_range r
    on ${equals("t.oid", "r.rngtypid")} or ${equals("t.oid", "r.rngmultitypid")}
  cross join lateral (
    select e.oid from pg_catalog.pg_type e where ${equals("e.typarray", "t.oid")}
    union all select t.typbasetype
    union all select r.rngsubtype
    union all select r.rngtypid
    union all select a.atttypid from pg_catalog.pg_attribute a
      where ${equals("t.typtype", "'c'::pg_catalog.\"char\"")} and ${columnOf("t.typrelid")}
  ) part
  where not ${equals("part.oid", "0::pg_catalog.oid")}
)
select t.oid, n.nspname::pg_catalog.text, t.typname::pg_catalog.text, t.typtype::pg_catalog.text,
  t.typnotnull,
  array(select l.enumlabel::pg_catalog.text from pg_catalog.pg_enum l
    where ${equals("l.enumtypid", "t.oid")} order by l.enumsortorder using operator(pg_catalog.<)),
  coalesce((select e.oid from pg_catalog.pg_type e where ${
  equals("e.typarray", "t.oid")
}), 0::pg_catalog.oid),
  t.typbasetype, coalesce(r.rngsubtype, 0::pg_catalog.oid),
  case when not ${equals("t.oid", "r.rngtypid")} then r.rngtypid else 0::pg_catalog.oid end,
  array(select a.attname::pg_catalog.text from pg_catalog.pg_attribute a
    where ${equals("t.typtype", "'c'::pg_catalog.\"char\"")} and ${columnOf("t.typrelid")}
    order by a.attnum using operator(pg_catalog.<)),
  array(select a.atttypid from pg_catalog.pg_attribute a
    where ${equals("t.typtype", "'c'::pg_catalog.\"char\"")} and ${columnOf("t.typrelid")}
    order by a.attnum using operator(pg_catalog.<)),
  exists (select from pg_catalog.pg_cast c where ${equals("c.castsource", "t.oid")}
    and ${equals("c.casttarget", "any ('{114,3802}'::pg_catalog.oid[])")}
    and t.oid operator(pg_catalog.>=) 16384::pg_catalog.oid)
from wanted
join pg_catalog.pg_type t on ${equals("t.oid", "wanted.oid")}
join pg_catalog.pg_namespace n on ${equals("n.oid", "t.typnamespace")}
left join pg_catalog.pg_range r
  on ${equals("t.oid", "r.rngtypid")} or ${equals("t.oid", "r.rngmultitypid")}`;
