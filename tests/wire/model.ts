/**
 * A model of many pipelined requests on one connection: each kind knows what must come of it, every
 * row carries the nonce of its request, and no row may ever reach another one. Generated from a seed,
 * which a failure names; used against a scripted server and against PostgreSQL.
 */
import assert from "node:assert/strict";
import { type Connection, DatabaseError, InterfaceError, PgError } from "../../mod.ts";

/** The kinds of requests; the model's table has the frequency of each. */
export type Kind =
  | "cached"
  | "new"
  | "rows"
  | "unprepared"
  | "failing parse"
  | "failing execute"
  | "unencodable"
  | "undefined"
  | "wrong count"
  | "aborted"
  | "large"
  | "array"
  | "null"
  | "simple"
  | "failing simple"
  | "cancelled";

/** How often each kind comes, relative to the others. */
export type Mix = Partial<Record<Kind, number>>;

/** One request: runs it and checks what comes of it. */
type Recipe = (db: Connection, nonce: string, random: Random) => Promise<void>;

/** Numbers that follow from a seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to `limit` - 1. */
  below(limit: number): number {
    let x = this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % limit;
  }
}

/** A seed that differs from run to run, or the one that MODEL_SEED names. */
export function seedOfToday(given: string | undefined): number {
  return given === undefined ? Date.now() % 1_000_000_007 : Number(given);
}

/**
 * Makes `count` requests in bursts of up to `burst`, all of one burst at once, and checks each.
 * Returns how many there were of each kind.
 */
export async function runModel(
  db: Connection,
  seed: number,
  { count, burst, mix }: { count: number; burst: number; mix: Mix },
): Promise<Map<Kind, number>> {
  const random = new Random(seed);
  const seen = new Map<Kind, number>();
  const kinds = Object.entries(mix).flatMap(([kind, n]) => Array<Kind>(n).fill(kind as Kind));
  try {
    for (let made = 0; made < count;) {
      const size = Math.min(1 + random.below(burst), count - made);
      const pending = Array.from({ length: size }, () => {
        const kind = kinds[random.below(kinds.length)]!;
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
        const nonce = `${seed.toString(36)}-${made++}-${random.below(1 << 30).toString(36)}`;
        return RECIPES[kind](db, nonce, random).catch((error) => explain(error, kind, nonce));
      });
      await Promise.all(pending);
    }
  } catch (error) {
    throw new Error(`the model failed with MODEL_SEED=${seed}`, { cause: error });
  }
  return seen;
}

function explain(error: Error, kind: Kind, nonce: string): never {
  throw new Error(`${kind} (${nonce}): ${error.message}`, { cause: error });
}

const RECIPES: Readonly<Record<Kind, Recipe>> = {
  cached: async (db, nonce, random) => {
    const n = random.below(1 << 30);
    const rows = await db.query("select $1::text as nonce, $2::int4 as n", [nonce, n]);
    assert.deepEqual([...rows], [{ nonce, n }]);
  },
  new: async (db, nonce, random) => {
    const text = `select $1::text as nonce, '${random.below(40)}'::text as variant`;
    const [row] = await db.query<{ nonce: string }>(text, [nonce]);
    assert.equal(row!.nonce, nonce);
  },
  rows: async (db, nonce, random) => {
    const n = random.below(50);
    const text = "select $1::text as nonce, i from generate_series(1, $2::int4) as i";
    const rows = await db.query(text, [nonce, n]).values();
    assert.deepEqual([...rows], Array.from({ length: n }, (_, i) => [nonce, i + 1]));
  },
  unprepared: async (db, nonce) => {
    const options = { prepare: false };
    const rows = await db.query("select $1::text as nonce", [nonce], options);
    assert.deepEqual([...rows], [{ nonce }]);
  },
  "failing parse": async (db, nonce, random) => {
    const text = `select $1::text from no_such_table_${random.below(5)}`;
    await fails(db.query(text, [nonce]), DatabaseError, "42P01");
  },
  "failing execute": async (db, nonce) => {
    await fails(db.query("select 1 / $1::int4, $2::text", [0, nonce]), DatabaseError, "22012");
  },
  unencodable: async (db, nonce) => {
    const text = "select $1::text as nonce, $2::int4 as n";
    await fails(db.query(text, [nonce, { not: "a number" }]), InterfaceError);
  },
  undefined: async (db, nonce) => {
    const text = "select $1::text as nonce, $2::int4 as n";
    await fails(db.query(text, [nonce, undefined]), InterfaceError);
  },
  "wrong count": async (db, nonce) => {
    const text = "select $1::text as nonce, $2::int4 as n";
    await fails(db.query(text, [nonce]), PgError, "08P01");
  },
  aborted: async (db, nonce) => {
    const reason = new Error(`aborted ${nonce}`);
    const query = db.query("select $1::text", [nonce], { signal: AbortSignal.abort(reason) });
    assert.equal(await query.then(() => "answered", (error) => error), reason);
  },
  large: async (db, nonce) => {
    const text = nonce.padEnd(1 << 20, nonce);
    const [row] = await db.query<{ text: string }>("select $1::text as text", [text]);
    assert.ok(row!.text === text, "another text, or a part of it");
  },
  array: async (db, nonce, random) => {
    const n = random.below(1 << 30);
    const [row] = await db.query("select $1::text[] as a, $2::int4[] as b", [
      [nonce, null, "{"],
      [n, -n],
    ]);
    assert.deepEqual(row, { a: [nonce, null, "{"], b: [n, -n] });
  },
  null: async (db, nonce) => {
    const rows = await db.query("select $1::text as nonce, $2::int4 as n", [nonce, null]);
    assert.deepEqual([...rows], [{ nonce, n: null }]);
  },
  simple: async (db, nonce) => {
    const text = `select '${nonce}' as nonce; select 1 as n, '${nonce}' as again`;
    const results = await db.query(text).simple().all();
    assert.deepEqual(results.map((rows) => [...rows]), [[{ nonce }], [{ n: 1, again: nonce }]]);
  },
  "failing simple": async (db, nonce) => {
    const query = db.query(`select '${nonce}'; select no_such_column`).simple();
    await fails(query, DatabaseError, "42703");
  },
  cancelled: async (db, nonce) => {
    const query = db.query("select $1::text, pg_sleep(30)", [nonce], { timeout: 0.05 });
    await fails(query, DatabaseError, "57014");
  },
};

async function fails(
  query: PromiseLike<unknown>,
  Class: typeof PgError,
  code?: string,
): Promise<void> {
  const error = await query.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof Class, `expected ${Class.name}, got ${error}`);
  if (code !== undefined) assert.equal(error.code, code, error.message);
}
