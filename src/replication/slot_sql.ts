/**
 * The SQL of the helpers for slots and publications. It names the schema of each function, type, relation
 * and operator, as `own_sql.ts` explains.
 *
 * Rows of system views come as JSON, because each version has more columns.
 */

/** The end of the WAL: on a standby, of the replayed WAL. */
const POSITION = `case when pg_catalog.pg_is_in_recovery()
  then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_flush_lsn() end`;

/** All slots, and the position of the server. */
export const SLOTS: string =
  `select pg_catalog.to_jsonb(s)::pg_catalog.text, (${POSITION})::pg_catalog.text
from pg_catalog.pg_replication_slots s
order by s.slot_name using operator(pg_catalog.<)`;

/** One slot, by its name as a literal, the position of the server, and the current database. */
export function slotNamed(name: string): string {
  return `select pg_catalog.to_jsonb(s)::pg_catalog.text as slot,
  (${POSITION})::pg_catalog.text as position,
  pg_catalog.current_database()::pg_catalog.text as here
from pg_catalog.pg_replication_slots s
where s.slot_name operator(pg_catalog.=) ${name}::pg_catalog.name`;
}

/** Creates a logical slot. `failover`: with the parameter of PostgreSQL 17. */
export function createLogicalSlot(failover: boolean): string {
  const more = failover ? ", true" : "";
  return `select lsn::pg_catalog.text from pg_catalog.pg_create_logical_replication_slot(
  $1::pg_catalog.name, $2::pg_catalog.name, $3::pg_catalog.bool, $4::pg_catalog.bool${more})`;
}

/** Creates a physical slot. */
export const CREATE_PHYSICAL_SLOT = `select lsn::pg_catalog.text
from pg_catalog.pg_create_physical_replication_slot(
  $1::pg_catalog.name, $2::pg_catalog.bool, $3::pg_catalog.bool)`;

/** Drops a slot, if there is one of that name. */
export const DROP_SLOT = `select pg_catalog.pg_drop_replication_slot(s.slot_name)::pg_catalog.text
from pg_catalog.pg_replication_slots s
where s.slot_name operator(pg_catalog.=) $1::pg_catalog.name`;

/** Moves a slot forward. */
export const ADVANCE_SLOT = `select end_lsn::pg_catalog.text
from pg_catalog.pg_replication_slot_advance($1::pg_catalog.name, $2::pg_catalog.pg_lsn)`;

/** Copies a logical slot, with its plugin or another one. */
export const COPY_LOGICAL_SLOT = `select c.lsn::pg_catalog.text
from pg_catalog.pg_replication_slots s,
  lateral pg_catalog.pg_copy_logical_replication_slot($1::pg_catalog.name, $2::pg_catalog.name,
    $3::pg_catalog.bool, coalesce($4::pg_catalog.name, s.plugin)) c
where s.slot_name operator(pg_catalog.=) $1::pg_catalog.name`;

/** Copies a physical slot. */
export const COPY_PHYSICAL_SLOT = `select c.lsn::pg_catalog.text
from pg_catalog.pg_copy_physical_replication_slot($1::pg_catalog.name, $2::pg_catalog.name,
  $3::pg_catalog.bool) c`;

/** All publications. */
export const PUBLICATIONS = `select pg_catalog.to_jsonb(p)::pg_catalog.text,
  pg_catalog.pg_get_userbyid(p.pubowner)::pg_catalog.text
from pg_catalog.pg_publication p
order by p.pubname using operator(pg_catalog.<)`;

/** The names among some that are no publications. */
export const MISSING_PUBLICATIONS =
  `with given as (select pg_catalog.unnest($1::pg_catalog.text[]) as name)
select n.name from given n where not exists (select from pg_catalog.pg_publication p
  where p.pubname::pg_catalog.text operator(pg_catalog.=) n.name)`;

/** The tables of some publications. */
export const PUBLISHED_TABLES =
  `with given as (select pg_catalog.unnest($1::pg_catalog.text[]) as name)
select pg_catalog.to_jsonb(t)::pg_catalog.text
from pg_catalog.pg_publication_tables t join given n
  on t.pubname::pg_catalog.text operator(pg_catalog.=) n.name
order by t.pubname using operator(pg_catalog.<), t.schemaname using operator(pg_catalog.<),
  t.tablename using operator(pg_catalog.<)`;

/** Creates a publication, whose name is quoted, of tables and with settings. */
export function createPublication(name: string, content: string, settings: string): string {
  const tail = settings === "" ? "" : `with (${settings})`;
  return ["create publication", name, content, tail].join(" ").trimEnd();
}

/** The part of ALTER PUBLICATION that changes settings. */
export function newSettings(settings: string): string {
  return `set (${settings})`;
}

/** Changes a publication, whose name is quoted. */
export function alterPublication(name: string, change: string): string {
  return `alter publication ${name} ${change}`;
}

/** Drops a publication, whose name is quoted. */
export function dropPublication(name: string): string {
  return `drop publication ${name}`;
}
