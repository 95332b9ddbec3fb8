/** The stops of the tour that any connection can make: over TCP, in PGlite, in a browser. */
import { type Connection, DatabaseError } from "../mod.ts";

/** Shows a named value. */
export type Show = (name: string, value: unknown) => void;

/** Sends values of several types, and shows what comes back. */
export async function values(db: Connection, show: Show): Promise<void> {
  const row = await db.sql`
    select ${7}::int4 as int4,
      ${2n ** 62n}::int8 as int8,
      ${"1234567890.0123456789"}::numeric as numeric,
      ${new Date("2026-01-02T03:04:05.678Z")}::timestamptz as timestamptz,
      ${"2026-02-28"}::date as date,
      ${"3 days 04:05:06.000007"}::interval as interval,
      ${["a", null, "c"]}::text[] as array,
      ${"[1,10)"}::int4range as range,
      ${{ deep: [1, 2] }}::jsonb as jsonb,
      ${new Uint8Array([222, 173])}::bytea as bytea`.one();
  for (const [name, value] of Object.entries(row)) show(name, value);
}

/** Makes a mistake, shows the error, and goes on. */
export async function mistake(db: Connection, show: Show): Promise<void> {
  const text = "select oid from pg_tpye limit 1";
  try {
    await db.query(text);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    show(error.name, `${error.code} ${error.condition}`);
    show("it says", error.message);
    show("it points at", text);
    show("", " ".repeat((error.position ?? 1) - 1) + "^");
  }
  show("and afterwards", await db.query("select 'the connection goes on'").scalar());
}

/** Sends 1,000 queries, one after the other and then all at once. */
export async function burst(db: Connection, show: Show): Promise<void> {
  const numbers = Array.from({ length: 1000 }, (_, i) => i);
  const increment = (n: number): Promise<number> =>
    db.query("select $1::int + 1", [n]).scalar<number>();

  let start = performance.now();
  for (const n of numbers) await increment(n);
  show("one at a time", `${(performance.now() - start).toFixed(0)} ms`);

  start = performance.now();
  const sums = await Promise.all(numbers.map(increment));
  show("all at once", `${(performance.now() - start).toFixed(0)} ms`);
  show("their answers", sums.every((sum, i) => sum === i + 1) ? "all right" : "WRONG");
}
