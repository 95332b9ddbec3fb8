/**
 * Reads a result that is too large to hold: a hundred thousand rows, a thousand at a time, summed up by
 * month on the way. The memory it takes does not depend on how many there are.
 *
 * Prints:
 *
 * ```
 * 2026-01  8493 sales   212601.53
 * 2026-02  7672 sales   191673.21
 * 2026-03  8494 sales   211914.13
 * …
 * 100000 rows in 100 pieces
 * ```
 */
import { connect } from "../mod.ts";

interface Sale {
  readonly day: string;
  readonly cents: bigint;
}

const db = await connect();
try {
  const months = new Map<string, { count: number; cents: bigint }>();
  let rows = 0;
  let pieces = 0;
  const sales = db.query<Sale>(`
    select (date '2026-01-01' + n % 365)::date as day, (n % 4999)::int8 as cents
    from generate_series(1, 100000) n`);
  for await (const piece of sales.batches(1000)) {
    pieces++;
    rows += piece.length;
    for (const { day, cents } of piece) {
      const month = day.slice(0, 7);
      const sum = months.get(month) ?? { count: 0, cents: 0n };
      months.set(month, { count: sum.count + 1, cents: sum.cents + cents });
    }
  }
  for (const [month, { count, cents }] of [...months].sort()) {
    say(`${month}  ${count} sales   ${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`);
  }
  say(`${rows} rows in ${pieces} pieces`);
} finally {
  await db.close();
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
