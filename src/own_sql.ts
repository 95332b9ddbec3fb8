/**
 * Every SQL text that the driver sends by itself, or completes with names that a caller gives. Texts of
 * parts that are loaded late stand beside these: `query/catalog_sql.ts`, `query/transaction_sql.ts`,
 * `session/role_sql.ts`, `features/late_sql.ts`, `dbapi/call_sql.ts`, `pool/session_sql.ts`.
 *
 * A connection's `search_path` may begin with a schema in which others create objects, even before
 * `pg_catalog`. A function, type, relation or operator without a schema may then be theirs, and runs
 * with the rights of the connected role. So each text follows these rules, which
 * `tests/unit/own_sql.test.ts` checks:
 *
 * - functions, types and relations have a schema; operators are `operator(pg_catalog.…)`;
 * - an operator's two sides have the same type, and each constant and parameter states its type;
 * - ORDER BY names its operator;
 * - nothing is used that looks up an operator by its bare name: IN, BETWEEN, LIKE, NULLIF,
 *   CASE with an operand, JOIN USING, IS DISTINCT FROM.
 *
 * Source: manual, "Writing SECURITY DEFINER Functions Safely" and "Operator Type Resolution";
 * parse_oper.c. UNION and `array(select …)` take the type's own operators and are safe.
 */

/** Creates a database, whose name is quoted already. */
export function createDatabase(name: string): string {
  return `create database ${name}`;
}

/** Drops a database, whose name is quoted already. */
export function dropDatabase(name: string): string {
  return `drop database ${name}`;
}

/** Waits until no other transaction applies migrations. The number is arbitrary, and the driver's own. */
export const MIGRATION_LOCK =
  "select pg_catalog.pg_advisory_xact_lock(7164312583911920640::pg_catalog.int8)";

/** Changes a setting of the session. */
export const SET_CONFIG =
  "select pg_catalog.set_config($1::pg_catalog.text, $2::pg_catalog.text, false)";

/** Begins a transaction with these modes. */
export function begin(modes: string = ""): string {
  return `begin ${modes}`.trimEnd();
}

/** Begins a transaction, in the words of the standard. */
export function startTransaction(modes: string): string {
  return `start transaction ${modes}`;
}

/** Rolls the transaction back. */
export const ROLLBACK = "rollback";

/** Undoes what was done since a savepoint, in the words that Kysely logs. */
export function rollbackTo(name: string): string {
  return `rollback to ${name}`;
}

/** Keeps what was done since a savepoint, in the words that Kysely logs. */
export function release(name: string): string {
  return `release ${name}`;
}

/** The names of the prepared transactions of the current database. */
export const PREPARED_HERE = `select p.gid from pg_catalog.pg_prepared_xacts p
where p.database operator(pg_catalog.=) pg_catalog.current_database()`;

/** Sends a notification. */
export const NOTIFY = "select pg_catalog.pg_notify($1::pg_catalog.text, $2::pg_catalog.text)";

/** Undoes one kind of change to a session's state. */
export const UNDO = {
  settings: "reset session authorization; reset role; reset all",
  listeners: "unlisten *",
  statements: "deallocate all",
  temporary: "discard temp",
  locks: "select pg_catalog.pg_advisory_unlock_all()",
  cursors: "close all",
} as const;

/** Undoes every change to a session's state. */
export const DISCARD_ALL = "discard all";

/**
 * Restores the role of the startup parameters, which `discard all` leaves at "none": SET SESSION
 * AUTHORIZATION, a part of it, resets the role. Source: miscinit.c, `SetSessionAuthorization`.
 */
export const RESET_ROLE = "reset role";

/**
 * Undoes all that a statement or a function can have changed in a session, but for prepared
 * statements, and sets `settings` afterwards; their names and values are literals. Source: manual,
 * DISCARD ALL, whose parts these are.
 *
 * The explicit transaction protects what is sent behind this text before it is answered: when a
 * statement in it fails, the session stays in a failed transaction, in which the server refuses
 * everything else (25P02). Its isolation level is given because the session's default may make it
 * wait for a safe snapshot (serializable, read only, deferrable).
 */
export function cleaning(settings: readonly (readonly [name: string, value: string])[]): string {
  const calls = settings.map(([name, value]) =>
    `, pg_catalog.set_config(${name}::pg_catalog.text, ${value}::pg_catalog.text, false)`
  );
  return `begin isolation level read committed; close all; reset session authorization;
reset role; reset all; unlisten *; discard temp; discard sequences;
select pg_catalog.pg_advisory_unlock_all()${calls.join("")}; commit`;
}

/** The types of the columns of tables in publications, by the publications' names. */
export const PUBLISHED_TYPES = `select t.oid from pg_catalog.pg_type t where exists (
  select from pg_catalog.pg_publication_tables p
  join pg_catalog.pg_namespace n on n.nspname operator(pg_catalog.=) p.schemaname
  join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) n.oid
    and c.relname operator(pg_catalog.=) p.tablename
  join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) c.oid
    and a.attnum operator(pg_catalog.>) '0'::pg_catalog.int2 and not a.attisdropped
  where a.atttypid operator(pg_catalog.=) t.oid
    and p.pubname operator(pg_catalog.=) any($1::pg_catalog.name[]))`;

/** The types that have an array type, each with that type. Read by the entry point for postgres.js. */
export const ARRAY_TYPES = `select t.oid, a.oid
  from pg_catalog.pg_type a
  join pg_catalog.pg_type t on t.typarray operator(pg_catalog.=) a.oid
  where a.typcategory operator(pg_catalog.=) 'A'::pg_catalog."char"`;

/** Undoes what was done since a savepoint, and keeps the savepoint. */
export function rollbackToSavepoint(name: string): string {
  return `rollback to savepoint ${name}`;
}

/** The operations on large objects, by the names of the columns that postgres.js returns. */
export const LO = {
  create: "select pg_catalog.lo_create(0::pg_catalog.oid) as oid",
  open: "select pg_catalog.lo_open($1::pg_catalog.oid, $2::pg_catalog.int4) as fd",
  close: "select pg_catalog.lo_close($1::pg_catalog.int4)",
  tell: "select pg_catalog.lo_tell64($1::pg_catalog.int4)",
  read: "select pg_catalog.loread($1::pg_catalog.int4, $2::pg_catalog.int4) as data",
  write: "select pg_catalog.lowrite($1::pg_catalog.int4, $2::pg_catalog.bytea)",
  truncate: "select pg_catalog.lo_truncate64($1::pg_catalog.int4, $2::pg_catalog.int8)",
  seek: `select pg_catalog.lo_lseek64(
    $1::pg_catalog.int4, $2::pg_catalog.int8, $3::pg_catalog.int4)`,
} as const;
