/**
 * The queries for the objects of a database. Each function, type and operator is qualified: nothing
 * depends on the session's `search_path`.
 */

const EQ = "operator(pg_catalog.=)";

/** Ascending. Names are ordered byte by byte: their collation is "C". */
const UP = "using operator(pg_catalog.<)";

/** The condition for objects in the schemas of `$1` that belong to no extension. */
const isWanted = (namespace: string, catalog: string, oid: string): string =>
  `case when $1::pg_catalog.text[] is null
    then ${namespace}::pg_catalog.text
      operator(pg_catalog.!~) '^(pg_|information_schema$)'::pg_catalog.text
    else ${namespace}::pg_catalog.text ${EQ} any ($1::pg_catalog.text[]) end
  and not exists (select from pg_catalog.pg_depend e where e.objid ${EQ} ${oid}
    and e.classid ${EQ} '${catalog}'::pg_catalog.regclass
    and e.deptype ${EQ} 'e'::pg_catalog."char")`;

const COLUMNS = `from pg_catalog.pg_attribute a where a.attrelid ${EQ} c.oid
    and not a.attisdropped and a.attnum operator(pg_catalog.>) 0::pg_catalog.int2
    order by a.attnum ${UP}`;

/** Tables and views, with the columns of each. */
export const TABLES: string = `select n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
  c.relkind::pg_catalog.text, pg_catalog.obj_description(c.oid, 'pg_class'::pg_catalog.name),
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
order by n.nspname ${UP}, c.relname ${UP}`;

/** Enums and composite types. */
export const TYPES: string = `select t.oid,
  pg_catalog.obj_description(t.oid, 'pg_type'::pg_catalog.name)
from pg_catalog.pg_type t
join pg_catalog.pg_namespace n on n.oid ${EQ} t.typnamespace
left join pg_catalog.pg_class c on c.oid ${EQ} t.typrelid
where (t.typtype ${EQ} 'e'::pg_catalog."char" or c.relkind ${EQ} 'c'::pg_catalog."char")
  and ${isWanted("n.nspname", "pg_catalog.pg_type", "t.oid")}
order by n.nspname ${UP}, t.typname ${UP}`;

/**
 * Functions and procedures, without triggers (2279) and event triggers (3838). The operator `~<~`
 * compares byte by byte, whatever the collation.
 */
export const FUNCTIONS: string = `select n.nspname::pg_catalog.text, p.proname::pg_catalog.text,
  pg_catalog.obj_description(p.oid, 'pg_proc'::pg_catalog.name), p.proretset, p.prorettype,
  coalesce(p.proallargtypes, p.proargtypes::pg_catalog.oid[]), p.proargnames,
  p.proargmodes::pg_catalog.text[], p.pronargdefaults::pg_catalog.int4
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid ${EQ} p.pronamespace
where p.prokind ${EQ} any ('{f,p}'::pg_catalog."char"[])
  and not p.prorettype ${EQ} any ('{2279,3838}'::pg_catalog.oid[])
  and ${isWanted("n.nspname", "pg_catalog.pg_proc", "p.oid")}
order by n.nspname ${UP}, p.proname ${UP},
  p.proargtypes::pg_catalog.text using operator(pg_catalog.~<~)`;
