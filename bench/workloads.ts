import type { Peer } from "./peer.ts";

/** One thing to measure, the same for every peer. */
export interface Workload<P = Peer> {
  readonly name: string;
  /** The unit that `step` counts. */
  readonly unit: string;
  /** Does the work once and returns how many units that was. */
  step(peer: P): Promise<number>;
  /** Throws unless the peer's answers are right; `decoded` is false for one that decodes none. */
  verify(peer: P, decoded: boolean): Promise<void>;
}

const POINT = "select typname, typlen, typbyval from pg_type where oid = $1";
// Parameters are made once: the floor finds its encoded requests by them.
const POINTS: readonly (readonly [number])[] = [16, 20, 21, 23, 25, 700, 701, 1043].map((o) => [o]);
const CONCURRENT: readonly (readonly [number])[] = Array.from(
  { length: 100 },
  (_, i) => POINTS[i % POINTS.length]!,
);

const TYPES = "select typname, typnamespace, typowner, typlen, typbyval, typcategory, " +
  "typispreferred, typisdefined, typdelim, typrelid, typelem, typarray " +
  "from pg_type where typtypmod = $1 and typisdefined = $2";
const ALL_TYPES = [-1, true] as const;

const INTS = "select i from generate_series(1, $1::int) as i";
const THOUSAND = [1000] as const;

/** The four workloads, in the order of the report. */
export const WORKLOADS: readonly Workload[] = [
  {
    name: "one row at a time",
    unit: "queries",
    async step(peer) {
      for (const point of POINTS) await peer.query(POINT, point);
      return POINTS.length;
    },
    verify: verifyPoint,
  },
  {
    name: "100 at once",
    unit: "queries",
    async step(peer) {
      await Promise.all(CONCURRENT.map((point) => peer.query(POINT, point)));
      return CONCURRENT.length;
    },
    verify: verifyPoint,
  },
  {
    name: "pg_type",
    unit: "rows",
    step: async (peer) => (await peer.query(TYPES, ALL_TYPES)).length,
    async verify(peer, decoded) {
      const rows = await peer.query(TYPES, ALL_TYPES);
      require(rows.length > 500, "pg_type has more than 500 rows");
      if (!decoded) return;
      const row = rowsOf(rows).find(({ typname }) => typname === "bool");
      require(Object.keys(row ?? {}).length === 12, "a row has twelve columns");
      require(row?.typlen === 1 && row.typbyval === true, "typlen and typbyval are decoded");
      require(row.typcategory === "B" && Number(row.typarray) === 1000, "so are the others");
    },
  },
  {
    name: "1,000 ints",
    unit: "rows",
    step: async (peer) => (await peer.query(INTS, THOUSAND)).length,
    async verify(peer, decoded) {
      const rows = await peer.query(INTS, THOUSAND);
      require(rows.length === 1000, "there are 1,000 rows");
      if (decoded) require(rowsOf(rows).every(({ i }, at) => i === at + 1), "they count from 1");
    },
  },
];

async function verifyPoint(peer: Peer, decoded: boolean): Promise<void> {
  const answers = await Promise.all(POINTS.map((point) => peer.query(POINT, point)));
  require(answers.every(({ length }) => length === 1), "a point query finds one row");
  if (!decoded) return;
  const names = answers.map((rows) => rowsOf(rows)[0]?.typname).join(" ");
  require(names === "bool int8 int2 int4 text float4 float8 varchar", "each finds its own row");
  require(rowsOf(answers[0]!)[0]?.typbyval === true, "typbyval is decoded");
}

function rowsOf(rows: ArrayLike<unknown>): Record<string, unknown>[] {
  return Array.from(rows) as Record<string, unknown>[];
}

function require(holds: boolean, fact: string): asserts holds {
  if (!holds) throw new Error(`wrong answer: ${fact}`);
}
