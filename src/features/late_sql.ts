/** SQL of features that are loaded with their first use. The rules of `own_sql.ts` hold. */

/** Listens to a channel, given as a quoted identifier. */
export function listen(channel: string): string {
  return `listen ${channel}`;
}

/** Stops listening to a channel, given as a quoted identifier. */
export function unlisten(channel: string): string {
  return `unlisten ${channel}`;
}

/** Commits a prepared transaction by its name, given as a literal. */
export function commitPrepared(gid: string): string {
  return `commit prepared ${gid}`;
}

/** Rolls a prepared transaction back by its name, given as a literal. */
export function rollbackPrepared(gid: string): string {
  return `rollback prepared ${gid}`;
}

/** The prepared transactions of all databases; times are in milliseconds since 1970. */
export const PREPARED_TRANSACTIONS = `select p.gid,
  pg_catalog.floor(pg_catalog.date_part('epoch'::pg_catalog.text, p.prepared)
    operator(pg_catalog.*) '1000'::pg_catalog.float8)::pg_catalog.int8,
  p.owner::pg_catalog.text, p.database::pg_catalog.text
from pg_catalog.pg_prepared_xacts p
order by p.prepared using operator(pg_catalog.<)`;

/** Creates a large object. */
export const LO_CREATE = "select pg_catalog.lo_create($1::pg_catalog.oid)";

/** Opens a large object. */
export const LO_OPEN = "select pg_catalog.lo_open($1::pg_catalog.oid, $2::pg_catalog.int4)";

/** Deletes a large object. */
export const LO_UNLINK = "select pg_catalog.lo_unlink($1::pg_catalog.oid)";

/** Reads from an open large object. */
export const LO_READ = "select pg_catalog.loread($1::pg_catalog.int4, $2::pg_catalog.int4)";

/** Writes to an open large object. */
export const LO_WRITE = "select pg_catalog.lowrite($1::pg_catalog.int4, $2::pg_catalog.bytea)";

/** Moves the position of an open large object. */
export const LO_SEEK = `select pg_catalog.lo_lseek64(
  $1::pg_catalog.int4, $2::pg_catalog.int8, $3::pg_catalog.int4)`;

/** The position of an open large object. */
export const LO_TELL = "select pg_catalog.lo_tell64($1::pg_catalog.int4)";

/** Sets the size of an open large object. */
export const LO_TRUNCATE =
  "select pg_catalog.lo_truncate64($1::pg_catalog.int4, $2::pg_catalog.int8)";

/** Closes an open large object. */
export const LO_CLOSE = "select pg_catalog.lo_close($1::pg_catalog.int4)";

/** Selects columns of a table, whose names are quoted. */
export function columnsOf(columns: readonly string[], table: string): string {
  return `select ${columns.join(", ")} from ${table}`;
}

/** A column's text, by its quoted name. */
export function asText(column: string): string {
  return `${column}::pg_catalog.text`;
}

/** Copies rows into columns of a table, whose names are quoted. */
export function copyInto(
  table: string,
  columns: readonly string[],
  format: "binary" | "text",
): string {
  return `copy ${table} (${columns.join(", ")}) from stdin (format ${format})`;
}

/** Copies the rows of a query out in the binary format. */
export function copyOut(query: string): string {
  return `copy (${query}) to stdout (format binary)`;
}
