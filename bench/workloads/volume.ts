import type { Parameters } from "../peer.ts";
import { require, type Workload } from "../workload.ts";

const WIDE = "select repeat(md5(i::text), 256) as wide from generate_series(1, $1::int) i";
const WIDE_ROWS = 25_000;

const MANY = "select i as id, 'name ' || i as name, i / 4.0::float8 as price " +
  "from generate_series(1, $1::int) i";
const MILLION = 1_000_000;
const BATCH = 1000;

const COLUMNS = ["id", "name", "price"] as const;
const TYPED_ROWS: readonly Parameters[] = Array.from(
  { length: 10_000 },
  (_, i) => [i, `name ${i}`, i / 4],
);

/** The properties of workloads with much data. */
const VOLUME = { group: "volume", unit: "rows", isFresh: true } as const;

const workloads: Workload[] = [
  {
    ...VOLUME,
    name: "wide text: 8 kB × 25,000",
    step: async ({ client }) => (await client.query(WIDE, [WIDE_ROWS])).length,
    verify: async ({ client }) =>
      countsTo(WIDE_ROWS, (await client.query(WIDE, [WIDE_ROWS])).length),
  },
  {
    ...VOLUME,
    name: "a result of 1,000,000 rows",
    step: async ({ client }) => (await client.query(MANY, [MILLION])).length,
    verify: async ({ client }) => countsTo(10, (await client.query(MANY, [10])).length),
  },
  {
    ...VOLUME,
    name: "1,000,000 rows, for await",
    needs: "iterate",
    step: ({ client }) => client.iterate!(MANY, [MILLION]),
    verify: async ({ client }) => countsTo(10, await client.iterate!(MANY, [10])),
  },
  {
    ...VOLUME,
    name: "1,000,000 rows, in batches",
    needs: "batches",
    step: ({ client }) => client.batches!(MANY, [MILLION], BATCH),
    verify: async ({ client }) => countsTo(10, await client.batches!(MANY, [10], BATCH)),
  },
  {
    ...VOLUME,
    name: "COPY out of 1,000,000 rows",
    needs: "copyOut",
    async step({ client }) {
      await client.copyOut!(`copy (${MANY.replace("$1::int", `${MILLION}`)}) to stdout`);
      return MILLION;
    },
    async verify({ client }) {
      const bytes = await client.copyOut!(`copy (${MANY.replace("$1::int", "2")}) to stdout`);
      require(bytes === "1\tname 1\t0.25\n2\tname 2\t0.5\n".length, "all bytes arrive");
    },
  },
  {
    ...VOLUME,
    name: "binary COPY of 10,000 rows in",
    needs: "rowsIn",
    async step({ client }) {
      await client.query("begin", []);
      await client.rowsIn!("bench_rows", COLUMNS, TYPED_ROWS);
      await client.query("rollback", []);
      return TYPED_ROWS.length;
    },
    verify: async ({ client }) =>
      void await client.query(
        "create temp table bench_rows (id int4, name text, price float8)",
        [],
      ),
  },
  {
    ...VOLUME,
    name: "binary COPY of 100,000 rows out",
    needs: "rowsOut",
    step: ({ client }) => client.rowsOut!("bench_rows_out", COLUMNS),
    async verify({ client }) {
      const rows = MANY.replace("$1::int", "100000");
      await client.query(`create temp table bench_rows_out as ${rows}`, []);
      countsTo(100_000, await client.rowsOut!("bench_rows_out", COLUMNS));
    },
  },
];

export default workloads;

function countsTo(wanted: number, found: number): void {
  require(found === wanted, `${wanted} rows arrive, not ${found}`);
}
