/**
 * A short tour of the driver: connect in three ways, read rows of several types, see an error, send a
 * burst of queries. The settings come from the environment:
 *
 *     PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE   a server that speaks TLS
 *     PGSSLROOTCERT                                    the certificate it is to be trusted by
 *     TOUR_SOCKET                                         the path of its Unix socket
 */
import { connect, DatabaseError } from "../mod.ts";
import { env, readText } from "./environment.ts";

const user = env("PGUSER");
const password = env("PGPASSWORD");
const database = env("PGDATABASE");
const host = env("PGHOST");
const port = Number(env("PGPORT"));

await minimal();
await advanced();
await unixSocket();
await values();
await mistake();
await burst();

async function minimal(): Promise<void> {
  const conn = await connect({ user, password, database, host, port });
  const cursor = conn.cursor();
  await cursor.execute("SELECT current_user");
  say("a minimal connection", `current_user is ${(await cursor.fetchone())![0]}`);
  await cursor.close();
  await conn.close();
}

async function advanced(): Promise<void> {
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
    select version as tls, current_setting('application_name') as name,
      current_setting('statement_timeout') as timeout
    from pg_stat_ssl where pid = pg_backend_pid()`).one();
  say("with TLS checked, a timeout and startup parameters", row);
  await conn.close();
}

async function unixSocket(): Promise<void> {
  const conn = await connect({ user: "postgres", database, unixSock: env("TOUR_SOCKET") });
  const address = await conn.query("select inet_client_addr()").scalar();
  say("over a Unix socket", `the client's address is ${address}`);
  await conn.close();
}

async function values(): Promise<void> {
  const db = await connect({ user, password, database, host, port });
  const row = await db.sql`
    select ${7}::int4 as int4, ${
    2n ** 62n
  }::int8 as int8, ${"1234567890.0123456789"}::numeric as numeric,
      ${["a", null, "c"]}::text[] as list, ${{ deep: [1, 2] }}::jsonb as json,
      ${new Date("2026-01-02T03:04:05.678Z")}::timestamptz as moment,
      ${new Uint8Array([222, 173])}::bytea as bytes, '2026-02-28'::date as day,
      '3 days 04:05:06.000007'::interval as span, int4range(1, 10) as range`.one();
  say("values of several types, there and back", row);
  await db.close();
}

async function mistake(): Promise<void> {
  const db = await connect({ user, password, database, host, port });
  const text = "select oid, typname from pg_tpye limit 1";
  try {
    await db.query(text);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    const pointer = " ".repeat(error.position! - 1) + "^";
    say(`an error: ${error.name} ${error.code} ${error.condition}`, error.message);
    say("  where it is", `\n    ${text}\n    ${pointer}`);
  }
  say("  and the connection goes on", await db.query("select 'still here'").scalar());
  await db.close();
}

async function burst(): Promise<void> {
  const db = await connect({ user, password, database, host, port });
  const count = 1000;
  const start = performance.now();
  const sums = await Promise.all(
    Array.from({ length: count }, (_, i) => db.query("select $1::int + 1", [i]).scalar<number>()),
  );
  const milliseconds = (performance.now() - start).toFixed(0);
  const right = sums.every((sum, i) => sum === i + 1);
  say(`${count} queries at once`, `${milliseconds} ms, ${right ? "all right" : "WRONG"}`);
  await db.close();
}

function say(what: string, value: unknown): void {
  // deno-lint-ignore no-console
  console.log(`\n• ${what}:`, value);
}
