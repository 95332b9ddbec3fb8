/**
 * Runs many texts, none of them twice, in all the ways that a text can come, and watches the heap; run
 * by distinct_texts.test.ts in a process of its own, which can collect its garbage.
 */
import process from "node:process";
import {
  connect,
  type Connection,
  type ConnectOptions,
  createPool,
  type Pool,
  sql,
} from "../../mod.ts";

/** Prints the bytes of live heap after a half of `count` texts, and after all, as a line of JSON. */
export async function measure(count: number, options: ConnectOptions): Promise<void> {
  const db = await connect(options);
  const pool = createPool(options, { max: 1 });
  const heap: number[] = [];
  for (let half = 0; half < 2; half++) {
    for (let i = 0; i < count / 2; i += PIPELINED) {
      const numbers = Array.from({ length: PIPELINED }, (_, j) => half * count / 2 + i + j);
      await Promise.all(numbers.map((n) => WAYS[n % WAYS.length]!(db, pool, n)));
    }
    heap.push(await liveHeap());
  }
  await pool.close();
  await db.close();
  process.stdout.write(JSON.stringify(heap) + "\n");
}

const PIPELINED = 20;
/** So that a text that is kept is noticed. */
const LONG = `/* ${"long ".repeat(200)} */`;

type Way = (db: Connection, pool: Pool, n: number) => PromiseLike<unknown>;

const WAYS: readonly Way[] = [
  (db, _, n) => db.query(`select $1::int as "a ${n}" ${LONG}`, [n]),
  // Twice: the second time by a decoder of its own.
  async (db, _, n) => {
    const text = `select $1::int as "b ${n}", $2::text as t ${LONG}`;
    await db.query(text, [n, "x"]);
    await db.query(text, [n, "y"]);
  },
  (db, _, n) => db.query(`select :n::int as "c ${n}" ${LONG}`, { n }),
  (db, _, n) => db.query(sql`select ${n}::int as ${sql.identifier(`d ${n}`)} ${sql.raw(LONG)}`),
  (db, _, n) => db.query(`select $1::int[] as "e ${n}" ${LONG}`, [[n]]),
  (db, _, n) => db.query(`select ${n} ${LONG}; select ${n}`).simple().all(),
  (db, _, n) => db.batch([{ text: `select $1::int as "f ${n}" ${LONG}`, parameters: [n] }]),
  (db, _, n) => db.executeMany(`select $1::int as "g ${n}" ${LONG}`, [[n], [n]]),
  async (db, _, n) => {
    const statement = await db.prepare(`select :n::int as "h ${n}" ${LONG}`);
    await statement.query({ n });
    await statement.close();
  },
  (db, _, n) => db.query(`select no_such_column_${n} ${LONG}`).catch(() => {}),
  (_, pool, n) => pool.query(`select $1::int as "i ${n}" ${LONG}`, [n]),
  (_, pool, n) => pool.query(`select :n::int as "j ${n}" ${LONG}`, { n }),
  (_, pool, n) => pool.query(`set application_name = 'k ${n}' ${LONG}; select 1`).simple(),
];

/** Returns the bytes of heap in use after garbage collection. */
async function liveHeap(): Promise<number> {
  const { gc, Bun } = globalThis as unknown as {
    gc?: () => void;
    Bun?: { gc(force: boolean): void };
  };
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (Bun !== undefined) Bun.gc(true);
    else gc!();
  }
  return process.memoryUsage().heapUsed;
}
