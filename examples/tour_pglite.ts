/**
 * The tour without a server: in PGlite, which is PostgreSQL in this process. Needs
 * `@electric-sql/pglite` from npm.
 *
 * Prints:
 *
 * ```
 * 1. Open a database in memory
 *    version             1…
 *
 * 2. Send values of several types, and get them back
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
 * 3. Make a mistake
 *    ProgrammingError    42P01 undefined_table
 *    it says             relation "pg_tpye" does not exist
 *    it points at        select oid from pg_tpye limit 1
 *                                        ^
 *    and afterwards      the connection goes on
 *
 * 4. Send 1,000 queries on one connection
 *    one at a time       … ms
 *    all at once         … ms
 *    their answers       all right
 *
 * 5. Copy rows in, and out again
 *    copied in           3
 *    copied out          1,one 2,two 3,three
 *
 * 6. Undo a transaction
 *    rows afterwards     3
 * ```
 */
import { connect } from "../src/pglite/pglite.ts";
import { printed } from "./environment.ts";
import { burst, mistake, values } from "./tour_stops.ts";

title("1. Open a database in memory");
const db = await connect();
line("version", db.serverVersion.text);

title("2. Send values of several types, and get them back");
await values(db, line);
title("3. Make a mistake");
await mistake(db, line);
title("4. Send 1,000 queries on one connection");
await burst(db, line);

title("5. Copy rows in, and out again");
await db.query("create table t (n int, name text)");
line(
  "copied in",
  await db.copyRowsFrom("t", ["n", "name"], [[1, "one"], [2, "two"], [3, "three"]]),
);
const csv = await new Response(db.copyTo("copy t to stdout (format csv)")).text();
line("copied out", csv.trim().replaceAll("\n", " "));

title("6. Undo a transaction");
await db.transaction(async (tx) => {
  await tx.query("delete from t");
  throw new Error("a change of mind");
}).catch(() => {});
line("rows afterwards", await db.query("select count(*)::int from t").scalar());
await db.close();

function title(text: string): void {
  // deno-lint-ignore no-console
  console.log(`\n${text}`);
}

function line(name: string, value: unknown): void {
  // deno-lint-ignore no-console
  console.log(`   ${name.padEnd(19)} ${printed(value)}`);
}
