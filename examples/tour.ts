/**
 * A short tour of the driver: connect in three ways, read values of several types, meet an error,
 * send a burst of queries. The settings come from the environment:
 *
 *     PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE   a server that speaks TLS
 *     PGSSLROOTCERT                                    the certificate it is to be trusted by
 *     TOUR_SOCKET                                      the path of its Unix socket
 *
 * Prints:
 *
 * ```
 * 1. Connect over TCP with a user, a password and a database
 *    current_user        …
 *
 * 2. Connect with TLS checked, a timeout and parameters for the session
 *    tls                 TLSv1…
 *    application_name    tour
 *    statement_timeout   5s
 *
 * 3. Connect over a Unix socket
 *    client address      none: it is not TCP
 *
 * 4. Send values of several types, and get them back
 *    int4                7
 *    int8                4611686018427387904n
 *    numeric             1234567890.0123456789
 *    timestamptz         2026-01-02T03:04:05.678Z
 *    date                2026-02-28
 *    interval            Interval { months: 0, days: 3, microseconds: 14706000007n }
 *    array               [ …a…, null, …c… ]
 *    range               Range { lower: 1, upper: 10, bounds: …[)…, isEmpty: false }
 *    jsonb               { deep: [ 1, 2 ] }
 *    bytea               Uint8Array(2) [ 222, 173 ]
 *
 * 5. Make a mistake
 *    ProgrammingError    42P01 undefined_table
 *    it says             relation "pg_tpye" does not exist
 *    it points at        select oid from pg_tpye limit 1
 *                                        ^
 *    and afterwards      the connection goes on
 *
 * 6. Send 1,000 queries on one connection
 *    one at a time       … ms
 *    all at once         … ms
 *    their answers       all right
 * ```
 */
import { connect, type Connection } from "../mod.ts";
import { env, printed, readText } from "./environment.ts";
import { burst, mistake, type Show, values } from "./tour_stops.ts";

const user = env("PGUSER");
const password = env("PGPASSWORD");
const database = env("PGDATABASE");
const host = env("PGHOST");
const port = Number(env("PGPORT"));

await overTcp();
await overTls();
await overUnixSocket();
await over("4. Send values of several types, and get them back", values);
await over("5. Make a mistake", mistake);
await over("6. Send 1,000 queries on one connection", burst);

async function overTcp(): Promise<void> {
  title("1. Connect over TCP with a user, a password and a database");
  const conn = await connect({ user, password, database, host, port });
  const cursor = conn.cursor();
  await cursor.execute("SELECT current_user");
  const row = await cursor.fetchone();
  line("current_user", row?.[0]);
  await cursor.close();
  await conn.close();
}

async function overTls(): Promise<void> {
  title("2. Connect with TLS checked, a timeout and parameters for the session");
  const conn = await connect({
    user,
    password,
    database,
    host,
    port,
    sslContext: { ca: readText(env("PGSSLROOTCERT")) },
    timeout: 10,
    applicationName: "tour",
    startupParams: { search_path: "pg_catalog", statement_timeout: "5s" },
  });
  const row = await conn.query(`
    select version as tls,
      current_setting('application_name') as application_name,
      current_setting('statement_timeout') as statement_timeout
    from pg_stat_ssl where pid = pg_backend_pid()`).one();
  for (const [name, value] of Object.entries(row)) line(name, value);
  await conn.close();
}

async function overUnixSocket(): Promise<void> {
  title("3. Connect over a Unix socket");
  const conn = await connect({ user: "postgres", database, unixSock: env("TOUR_SOCKET") });
  const address = await conn.query("select inet_client_addr()").scalar();
  line("client address", address ?? "none: it is not TCP");
  await conn.close();
}

async function over(
  text: string,
  stop: (db: Connection, show: Show) => Promise<void>,
): Promise<void> {
  title(text);
  const db = await connect({ user, password, database, host, port });
  await stop(db, line);
  await db.close();
}

function title(text: string): void {
  // deno-lint-ignore no-console
  console.log(`\n${text}`);
}

function line(name: string, value: unknown): void {
  // deno-lint-ignore no-console
  console.log(`   ${name.padEnd(19)} ${printed(value)}`);
}
