/** SQL about the sessions of a pool. The rules of `own_sql.ts` hold. */

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
