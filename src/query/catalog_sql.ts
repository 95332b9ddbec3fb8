/** SQL about the catalogue's types. The rules of `own_sql.ts` hold. */

/** The OID of a type by its name, which follows the connection's `search_path`. */
export const TYPE_OID = "select $1::pg_catalog.regtype::pg_catalog.oid";

/**
 * Asks the catalogue about types and, recursively, their parts. `multiranges`: the server is
 * PostgreSQL 14 or newer, which has them.
 */
export function catalogQuery(multiranges: boolean): string {
  const ofRange = multiranges
    ? "(t.oid operator(pg_catalog.=) r.rngtypid or t.oid operator(pg_catalog.=) r.rngmultitypid)"
    : "t.oid operator(pg_catalog.=) r.rngtypid";
  return `with recursive wanted(oid) as (
  select pg_catalog.unnest($1::pg_catalog.oid[])
  union
  select part.oid
  from wanted
  join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) wanted.oid
  left join pg_catalog.pg_range r on ${ofRange}
  cross join lateral (
    select e.oid from pg_catalog.pg_type e where e.typarray operator(pg_catalog.=) t.oid
    union all select t.typbasetype
    union all select r.rngsubtype
    union all select r.rngtypid
    union all select a.atttypid ${ATTRIBUTES}
  ) part
  where part.oid operator(pg_catalog.<>) '0'::pg_catalog.oid
)
select t.oid, t.typname, n.nspname, t.typtype, t.typarray, t.typdelim, e.oid, t.typbasetype,
  r.rngsubtype, case when t.oid operator(pg_catalog.<>) r.rngtypid then r.rngtypid end,
  array(select a.attname::pg_catalog.text ${ATTRIBUTES}
    order by a.attnum using operator(pg_catalog.<)),
  array(select a.atttypid ${ATTRIBUTES}
    order by a.attnum using operator(pg_catalog.<))
from wanted
join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) wanted.oid
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) t.typnamespace
left join pg_catalog.pg_type e on e.typarray operator(pg_catalog.=) t.oid
left join pg_catalog.pg_range r on ${ofRange}`;
}

/** The attributes of the composite type `t`, without the dropped ones. */
const ATTRIBUTES = `from pg_catalog.pg_attribute a
    where t.typtype operator(pg_catalog.=) 'c'::pg_catalog."char"
      and a.attrelid operator(pg_catalog.=) t.typrelid
      and a.attnum operator(pg_catalog.>) '0'::pg_catalog.int2 and not a.attisdropped`;
