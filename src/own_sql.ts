/**
 * Every SQL text that the driver sends by itself, or completes with names that a caller gives.
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

/** Whether the server is a standby. Asked before PostgreSQL 14, which reports it. */
export const IN_RECOVERY = "select pg_catalog.pg_is_in_recovery()";

/** Whether the session is read-only. Asked before PostgreSQL 14, which reports it. */
export const READ_ONLY = "show transaction_read_only";

/** The OID of a type by its name, which follows the connection's `search_path`. */
export const TYPE_OID = "select $1::pg_catalog.regtype::pg_catalog.oid";

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

/** Commits the transaction. */
export const COMMIT = "commit";

/** Rolls the transaction back. */
export const ROLLBACK = "rollback";

/** Makes a savepoint. */
export function savepoint(name: string): string {
  return `savepoint ${name}`;
}

/** Keeps what was done since a savepoint. */
export function releaseSavepoint(name: string): string {
  return `release savepoint ${name}`;
}

/** Undoes what was done since a savepoint, in the words that Kysely logs. */
export function rollbackTo(name: string): string {
  return `rollback to ${name}`;
}

/** Keeps what was done since a savepoint, in the words that Kysely logs. */
export function release(name: string): string {
  return `release ${name}`;
}

/** Undoes what was done since a savepoint, and removes the savepoint. */
export function undoSavepoint(name: string): string {
  return `rollback to savepoint ${name}; release savepoint ${name}`;
}

/** Prepares the transaction for two-phase commit under a name, given as a literal. */
export function prepareTransaction(gid: string): string {
  return `prepare transaction ${gid}`;
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

/** The names of the prepared transactions of the current database. */
export const PREPARED_HERE = `select p.gid from pg_catalog.pg_prepared_xacts p
where p.database operator(pg_catalog.=) pg_catalog.current_database()`;

/** Sends a notification. */
export const NOTIFY = "select pg_catalog.pg_notify($1::pg_catalog.text, $2::pg_catalog.text)";

/** Listens to a channel, given as a quoted identifier. */
export function listen(channel: string): string {
  return `listen ${channel}`;
}

/** Stops listening to a channel, given as a quoted identifier. */
export function unlisten(channel: string): string {
  return `unlisten ${channel}`;
}

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

/** Calls a procedure by the name that the caller gives, with this number of parameters. */
export function callProcedure(name: string, parameters: number): string {
  const places = Array.from({ length: parameters }, (_, i) => `$${i + 1}`);
  return `call ${name}(${places.join(", ")})`;
}

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

/**
 * Asks whether a read that uses these names and operators, given as literals of arrays, can run no code of the
 * user's: none of them belongs to a function that a user has made or that is volatile, to a view, a
 * foreign table, or a table with rules or row security, or to a domain or base type that a user has
 * made; and no cast calls a function of the user's. Objects that initdb makes have OIDs below 16384
 * (transam.h, FirstNormalObjectId). Of PostgreSQL's own volatile functions, `HARMLESS` leave nothing
 * in the session.
 */
export function isPlainRead(names: string, operators: string): string {
  const named = (column: string, list: string): string =>
    `${column}::pg_catalog.text operator(pg_catalog.=) any(${list}::pg_catalog.text[])`;
  const isOfUser = (oid: string): string =>
    `${oid} operator(pg_catalog.>=) '16384'::pg_catalog.oid`;
  return `select not exists (select from pg_catalog.pg_proc p where ${named("p.proname", names)}
    and (${isOfUser("p.oid")} or p.provolatile operator(pg_catalog.=) 'v'::pg_catalog."char"
      and not (${named("p.proname", HARMLESS)})))
  and not exists (select from pg_catalog.pg_class c where ${named("c.relname", names)}
    and ${isOfUser("c.oid")} and (c.relkind operator(pg_catalog.<>) 'r'::pg_catalog."char"
      and c.relkind operator(pg_catalog.<>) 'p'::pg_catalog."char"
      and c.relkind operator(pg_catalog.<>) 'i'::pg_catalog."char"
      and c.relkind operator(pg_catalog.<>) 'S'::pg_catalog."char"
      or c.relhasrules or c.relrowsecurity or c.relhassubclass))
  and not exists (select from pg_catalog.pg_type t where ${named("t.typname", names)}
    and ${isOfUser("t.oid")} and (t.typtype operator(pg_catalog.=) 'd'::pg_catalog."char"
      or t.typtype operator(pg_catalog.=) 'b'::pg_catalog."char"
        and t.typelem operator(pg_catalog.=) '0'::pg_catalog.oid))
  and not exists (select from pg_catalog.pg_operator o
    where ${named("o.oprname", operators)} and ${isOfUser("o.oid")})
  and not exists (select from pg_catalog.pg_cast k where ${isOfUser("k.castfunc")})`;
}

const HARMLESS = "'{random,gen_random_uuid,uuidv4,uuidv7,clock_timestamp,timeofday}'";

/**
 * Asks for the settings of a session that were changed since it was opened, `custom` ones among them,
 * whose names are literals; and for what else the session keeps: a name with a null value.
 */
export function keptBySession(custom: readonly string[]): string {
  const more = custom.map((name) => {
    const value = `pg_catalog.current_setting(${name}::pg_catalog.text, true)`;
    return `
union all select ${name}::pg_catalog.text, ${value} where ${value} is not null`;
  });
  return KEPT + more.join("");
}

const KEPT = `select s.name, s.setting from pg_catalog.pg_settings as s
where s.source operator(pg_catalog.=) 'session'::pg_catalog.text
union all select 'session_authorization'::pg_catalog.text,
  pg_catalog.current_setting('session_authorization'::pg_catalog.text)
union all select 'role'::pg_catalog.text,
  pg_catalog.current_setting('role'::pg_catalog.text)
union all select 'listeners'::pg_catalog.text, null::pg_catalog.text
from pg_catalog.pg_listening_channels()
union all select 'temporary'::pg_catalog.text, null::pg_catalog.text
where pg_catalog.pg_my_temp_schema() operator(pg_catalog.<>) '0'::pg_catalog.oid
union all select 'locks'::pg_catalog.text, null::pg_catalog.text from pg_catalog.pg_locks as l
where l.locktype operator(pg_catalog.=) 'advisory'::pg_catalog.text
  and l.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()
union all select 'cursors'::pg_catalog.text, null::pg_catalog.text
from pg_catalog.pg_cursors as c where c.is_holdable`;

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
