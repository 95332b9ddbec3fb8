import type { Client, Parameters } from "../peer.ts";
import { CONCURRENT, QUERIES, verifyPoints } from "../queries.ts";
import { TEXTS } from "../texts.ts";
import { require, rowsOf, SCHEMA, type Workload } from "../workload.ts";

const BYTEA_ROWS = [100] as const;
const ARRAY_ROWS = [100] as const;
const FROM_THE_START = [0] as const;

const ITEMS = `${SCHEMA}.items`;
const INSERT = `insert into ${ITEMS} values ($1, $2, $3)`;
const INSERTS: readonly Parameters[] = Array.from({ length: 1000 }, (_, i) => [i, `n${i}`, i / 4]);
const COPY = `copy ${ITEMS} from stdin`;
const LINES: readonly string[] = Array.from(
  { length: 100 },
  (_, i) => Array.from({ length: 100 }, (_, j) => `${i * 100 + j}\tname ${j}\t${j / 4}\n`).join(""),
);

/** The nine workloads that are compared with the peers. */
const standard: Workload[] = [
  ...QUERIES.map((query): Workload => ({ ...query, group: "standard" })),
  {
    name: "100 rows of 1 kB bytea",
    group: "standard",
    unit: "rows",
    step: async ({ client }) => (await client.query(TEXTS.kilobyte, BYTEA_ROWS)).length,
    async verify({ client, peer }) {
      const rows = await client.query(TEXTS.kilobyte, BYTEA_ROWS);
      require(rows.length === 100, "there are 100 rows");
      if (peer.decodes === false) return;
      require(rowsOf(rows).every(({ b }) => (b as Uint8Array).length === 1024), "of 1,024 bytes");
    },
  },
  {
    name: "100 rows of int4[100]",
    group: "standard",
    unit: "rows",
    step: async ({ client }) => (await client.query(TEXTS.arrays, ARRAY_ROWS)).length,
    async verify({ client, peer }) {
      const rows = await client.query(TEXTS.arrays, ARRAY_ROWS);
      require(rows.length === 100, "there are 100 rows");
      if (peer.decodes === false) return;
      const sum = (list: ArrayLike<number>): number => Array.from(list).reduce((a, b) => a + b, 0);
      require(sum(rowsOf(rows)[1]!.a as number[]) === 5150, "the second is 2 to 101");
    },
  },
  {
    name: "mixed table",
    group: "standard",
    unit: "rows",
    step: async ({ client }) => (await client.query(TEXTS.mixed, FROM_THE_START)).length,
    async verify({ client, peer }) {
      await client.query(`create temp table bench_mixed as ${TEXTS.mixedTable}`, []);
      const rows = await client.query(TEXTS.mixed, FROM_THE_START);
      require(rows.length === 10_000, "there are 10,000 rows");
      if (peer.decodes === false) return;
      const row = rowsOf(rows)[99]!;
      require(row.id === 100 && row.flag === true && row.amount === "101.00", "numbers are right");
      require((row.data as { id?: number }).id === 100, "jsonb is parsed");
      require((row.made as Date).getTime() === 1767231700000, "a timestamptz is a Date");
    },
  },
  {
    name: "1,000 inserts",
    group: "standard",
    unit: "rows",
    needs: "many",
    step: ({ client }) => undone(client, () => client.many!(INSERT, INSERTS)),
    verify: ({ client }) => prepare(client),
  },
  copying("COPY of 10,000 rows", "standard", LINES),
  copying("COPY of 10,000 rows, one string", "chunks", [LINES.join("")]),
  {
    ...QUERIES.find(({ name }) => name === "100 at once")!,
    name: "100 at once, each with a Sync",
    group: "syncs",
  },
  {
    name: "100 in one batch",
    group: "syncs",
    unit: "queries",
    needs: "batch",
    step: async ({ client }) => (await client.batch!(TEXTS.point, CONCURRENT)).length,
    async verify({ client, peer }) {
      const found = await client.batch!(TEXTS.point, CONCURRENT);
      require(found.every(({ length }) => length === 1), "each query finds one row");
      await verifyPoints(client, peer.decodes !== false);
    },
  },
  {
    name: "1,000 inserts, each with a Sync",
    group: "syncs",
    unit: "rows",
    step: ({ client }) =>
      undone(client, () => Promise.all(INSERTS.map((set) => client.query(INSERT, set)))),
    verify: ({ client }) => prepare(client),
  },
];

export default standard;

function copying(name: string, group: string, chunks: readonly string[]): Workload {
  return {
    ...{ name, group, unit: "rows", needs: "copyIn" },
    async step({ client }) {
      await client.copyIn!(COPY, chunks);
      await client.query(`truncate ${ITEMS}`, []);
      return 10_000;
    },
    async verify({ client, peer }) {
      await prepare(client);
      await client.copyIn!(COPY, chunks);
      const [row] = Array.from(
        await client.query(`select count(*)::int4 as n from ${ITEMS}`, []),
      );
      if (peer.decodes !== false) require((row as { n: number }).n === 10_000, "all rows arrive");
      await client.query(`truncate ${ITEMS}`, []);
    },
  };
}

/** Does work in a transaction that is undone, so that the table does not grow. */
async function undone(client: Client, work: () => Promise<unknown>): Promise<number> {
  await client.query("begin", []);
  await work();
  await client.query("rollback", []);
  return 1000;
}

async function prepare(client: Client): Promise<void> {
  await client.query(`create schema if not exists ${SCHEMA}`, []);
  await client.query(`drop table if exists ${ITEMS}`, []);
  await client.query(`create unlogged table ${ITEMS} (id int4, name text, price float8)`, []);
}
