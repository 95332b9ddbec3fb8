import type { Parameters, PoolClient, Rows } from "./peer.ts";
import { TEXTS } from "./texts.ts";
import { require, rowsOf, type Workload } from "./workload.ts";

// Parameters are made once: the floor finds its encoded requests by them.
export const POINTS: readonly Parameters[] = [16, 20, 21, 23, 25, 700, 701, 1043].map((o) => [o]);

/** The parameters of point queries that run at once. */
export const CONCURRENT: readonly Parameters[] = Array.from(
  { length: 100 },
  (_, i) => POINTS[i % POINTS.length]!,
);

const ALL_TYPES = [-1, true] as const;

const THOUSAND = [1000] as const;

/** The four queries that are compared with the floor; they run over TLS, too. */
export const QUERIES: readonly Omit<Workload, "group">[] = [
  {
    name: "one row at a time",
    unit: "queries",
    async step({ client }) {
      for (const point of POINTS) await client.query(TEXTS.point, point);
      return POINTS.length;
    },
    verify: ({ client, peer }) => verifyPoints(client, peer.decodes !== false),
  },
  {
    name: "100 at once",
    unit: "queries",
    async step({ client }) {
      await Promise.all(CONCURRENT.map((point) => client.query(TEXTS.point, point)));
      return CONCURRENT.length;
    },
    verify: ({ client, peer }) => verifyPoints(client, peer.decodes !== false),
  },
  {
    name: "pg_type",
    unit: "rows",
    step: async ({ client }) => (await client.query(TEXTS.types, ALL_TYPES)).length,
    async verify({ client, peer }) {
      const rows = await client.query(TEXTS.types, ALL_TYPES);
      require(rows.length > 500, "pg_type has more than 500 rows");
      if (peer.decodes === false) return;
      const row = rowsOf(rows).find(({ typname }) => typname === "bool");
      require(Object.keys(row ?? {}).length === 12, "a row has twelve columns");
      require(row?.typlen === 1 && row.typbyval === true, "typlen and typbyval are decoded");
      require(row.typcategory === "B" && Number(row.typarray) === 1000, "so are the others");
    },
  },
  {
    name: "1,000 ints",
    unit: "rows",
    step: async ({ client }) => (await client.query(TEXTS.ints, THOUSAND)).length,
    async verify({ client, peer }) {
      const rows = await client.query(TEXTS.ints, THOUSAND);
      require(rows.length === 1000, "there are 1,000 rows");
      if (peer.decodes === false) return;
      require(rowsOf(rows).every(({ i }, at) => i === at + 1), "they count from 1");
    },
  },
];

/** Checks the answers of point queries. */
export async function verifyPoints(
  client: { query(text: string, parameters: Parameters): PromiseLike<Rows> } | PoolClient,
  decodes: boolean,
): Promise<void> {
  const answers = await Promise.all(POINTS.map((point) => client.query(TEXTS.point, point)));
  require(answers.every(({ length }) => length === 1), "a point query finds one row");
  if (!decodes) return;
  const names = answers.map((rows) => rowsOf(rows)[0]?.typname).join(" ");
  require(names === "bool int8 int2 int4 text float4 float8 varchar", "each finds its own row");
  require(rowsOf(answers[0]!)[0]?.typbyval === true, "typbyval is decoded");
}
