/**
 * Objects that another role sets out in a schema on the search path: for each name in the driver's own
 * SQL one that would be called, or read, if the text left its schema open. Each counts in a sequence,
 * which no rollback undoes.
 */
import { ownTexts } from "./own_sql.ts";
import { plainQuery } from "./plain_client.ts";
import type { ServerAddress } from "./cluster.ts";

const TEXTS: string = ownTexts().map(([, text]) => text).join("\n");

/** Every operator, and those that IN, BETWEEN, LIKE and ORDER BY stand for. */
const OPERATORS: ReadonlySet<string> = new Set([
  ...["=", "<>", "<", "<=", ">", ">=", "~~"],
  ...Array.from(TEXTS.matchAll(/operator\(pg_catalog\.([^)]+)\)/g), ([, name]) => name!),
]);

/** Operands: what the texts compare, and what constants would be without a type. */
const OPERANDS: readonly string[] = [
  ...["oid", "int2", "int4", "int8", "float8", "numeric", "text", "name", '"char"'],
  ...["timestamptz", "bool", "unknown"],
];

const FUNCTIONS: ReadonlySet<string> = new Set(
  Array.from(TEXTS.matchAll(/pg_catalog\.(\w+)\(/g), ([, name]) => name!),
);

const TYPES: ReadonlySet<string> = new Set(
  Array.from(TEXTS.matchAll(/::pg_catalog\.(\w+|"char")/g), ([, name]) => name!),
);

const RELATIONS: ReadonlySet<string> = new Set(
  Array.from(TEXTS.matchAll(/(?:from|join) pg_catalog\.(\w+)\b(?! ?\()/g), ([, name]) => name!),
);

const COUNT = "pg_catalog.nextval('public.touched'::pg_catalog.regclass)";
const BODY = `language plpgsql as $$ begin perform ${COUNT}; end $$`;
const CHECK = `language plpgsql as $$ begin perform ${COUNT}; return true; end $$`;

/** Lays the trap in a database of `server`, as the role `owner`, which has no rights besides. */
export async function setTrap(
  server: ServerAddress,
  database: string,
  owner: string,
): Promise<void> {
  await plainQuery(
    server.socketPath,
    `create role ${owner}; grant all on schema public to ${owner};
    alter database ${database} set search_path = public, pg_catalog;
    alter database ${database} set statement_timeout = '30s'`,
    database,
  );
  const parts = [
    `set session authorization ${owner}; set search_path = pg_catalog; set check_function_bodies = off`,
    "create sequence public.touched",
    relations(),
    functions(),
    ...operators(),
    ...[...TYPES].flatMap((type) => [
      `create function public."touch ${
        type.replaceAll('"', "")
      }"(pg_catalog.${type}) returns bool ${CHECK}`,
      `create domain public.${type} as pg_catalog.${type}
        check (public."touch ${type.replaceAll('"', "")}"(value))`,
    ]),
  ];
  await plainQuery(server.socketPath, parts.join(";\n"), database);
}

/** How often something of the trap was touched. */
export async function touches(server: ServerAddress, database: string): Promise<number> {
  const sql = "select last_value, is_called from public.touched";
  const [[last, isCalled] = []] = await plainQuery(server.socketPath, sql, database);
  return isCalled === "t" ? Number(last) : 0;
}

/** A view of each relation that the texts read; no view has a column of a pseudo-type. */
function relations(): string {
  const names = [...RELATIONS].map((name) => `'pg_catalog.${name}'::regclass`).join();
  return `do $do$
    declare r record;
    begin
      for r in select relname, string_agg(quote_ident(attname), ', ' order by attnum) as columns
        from pg_class c join pg_attribute on attrelid = c.oid join pg_type t on t.oid = atttypid
        where c.oid in (${names}) and attnum > 0 and typtype <> 'p' group by relname
      loop
        execute format('create view public.%I as select %s from pg_catalog.%1$I where ${
    COUNT.replaceAll("'", "''")
  } is not null', r.relname, r.columns);
      end loop;
    end $do$`;
}

/** A copy of each overload of the functions that the texts call. */
function functions(): string {
  const names = [...FUNCTIONS].map((name) => `'${name}'`).join();
  return `do $do$
    declare f record;
    begin
      for f in select proname, oidvectortypes(proargtypes) as args, prorettype, proretset
        from pg_proc where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f'
          and prorettype <> 'record'::regtype and proname in (${names})
      loop
        execute format('create function public.%I(%s) returns %s %s ' || $body$${BODY}$body$,
          f.proname, f.args, case when f.proretset then 'setof' else '' end,
          f.prorettype::regtype::text);
      end loop;
    end $do$`;
}

/** One operator for each name and pair of operands; \`*\` returns what a product is compared with. */
function operators(): string[] {
  const pairs = OPERANDS.flatMap((left) => OPERANDS.map((right) => [left, right] as const))
    .filter((pair) => !pair.includes("unknown"));
  return pairs.flatMap(([left, right], i) => [
    `create function public."operator ${i}"(${left}, ${right}) returns bool ${CHECK}`,
    ...[...OPERATORS].map((name) =>
      `create operator public.${name} (leftarg = ${left}, rightarg = ${right},
        function = public."operator ${i}")`
    ),
  ]);
}
