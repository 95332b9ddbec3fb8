/**
 * The SQL of change streams. The rules of `own_sql.ts` hold: each function, type, relation and operator has
 * its schema.
 */

/**
 * The processes for whose transactions the process $1 waits, or else all that write in any database. Source:
 * snapbuild.c, `SnapBuildWaitSnapshot`: creating a slot locks each running transaction in turn.
 */
export const BLOCKERS = `with waited as (
  select pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::pg_catalog.int4)) as pid)
select w.pid from waited w
union
select a.pid from pg_catalog.pg_stat_activity a
where a.backend_xid is not null and a.pid operator(pg_catalog.<>) $1::pg_catalog.int4
  and not exists (select from waited)`;

/** The published tables, as JSON: lists of columns and row filters exist from PostgreSQL 15 on. */
export const PUBLISHED_TABLES = `select pg_catalog.to_jsonb(t)::pg_catalog.text
from pg_catalog.pg_publication_tables t
where t.pubname::pg_catalog.text operator(pg_catalog.=) any($1::pg_catalog.text[])
order by t.schemaname using operator(pg_catalog.<), t.tablename using operator(pg_catalog.<)`;

/**
 * The columns of a table in order, each with the table's properties, its type's name, and whether it
 * belongs to the replica identity; last the column's place in the primary key, or null.
 */
export const TABLE_COLUMNS =
  `select c.oid, c.relkind::pg_catalog.text, c.relreplident::pg_catalog.text,
  a.attname::pg_catalog.text, a.atttypid, a.atttypmod,
  case when n.nspname operator(pg_catalog.=) 'pg_catalog'::pg_catalog.name
    then t.typname::pg_catalog.text
    else pg_catalog.concat(n.nspname, '.'::pg_catalog.text, t.typname) end,
  a.attgenerated operator(pg_catalog.<>) ''::pg_catalog."char",
  exists (select from pg_catalog.pg_index i
    where i.indrelid operator(pg_catalog.=) c.oid
      and a.attnum operator(pg_catalog.=) any(i.indkey::pg_catalog.int2[])
      and (i.indisprimary and c.relreplident operator(pg_catalog.=) 'd'::pg_catalog."char"
        or i.indisreplident and c.relreplident operator(pg_catalog.=) 'i'::pg_catalog."char")),
  (select pg_catalog.array_position(i.indkey::pg_catalog.int2[], a.attnum)
    from pg_catalog.pg_index i
    where i.indrelid operator(pg_catalog.=) c.oid and i.indisprimary)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace s on s.oid operator(pg_catalog.=) c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) c.oid
join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) a.atttypid
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) t.typnamespace
where s.nspname operator(pg_catalog.=) $1::pg_catalog.name
  and c.relname operator(pg_catalog.=) $2::pg_catalog.name
  and a.attnum operator(pg_catalog.>) '0'::pg_catalog.int2 and not a.attisdropped
order by a.attnum using operator(pg_catalog.<)`;

/** Makes a transaction read an exported snapshot, whose name is a literal. */
export function importSnapshot(name: string): string {
  return `set transaction snapshot ${name}`;
}

/** Reads the rows of a table; names are quoted, the condition is the publication's own. */
export function tableRows(
  columns: readonly string[],
  table: string,
  condition: string | undefined,
  order: readonly string[],
): string {
  const where = condition === undefined ? "" : ` where ${condition}`;
  const by = order.map((column) => `${column}`).join(", ");
  return `select ${columns.join(", ")} from ${table}${where}${by === "" ? "" : ` order by ${by}`}`;
}
