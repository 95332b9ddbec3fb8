/** Many clients of one pool, and a ledger of what became of their calls. */
import { PgError, type Pool } from "../../mod.ts";
import { pause } from "../_kit/waiting.ts";

/** The outcomes of all calls. */
export class Ledger {
  good = 0;
  failed = 0;
  /** Answers that were another call's. */
  wrong = 0;
  /** The longest call, in seconds. */
  longest = 0;
  /** Ids whose insert was acknowledged. */
  readonly acknowledged: string[] = [];
  /** Failures that are no typed errors. */
  readonly untyped: unknown[] = [];
  /** Failures by their code. */
  readonly codes: Map<string, number> = new Map();

  #served: (() => void) | undefined;

  /** Resolves when the next call has succeeded. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#served = resolve);
  }

  succeed(): void {
    this.good++;
    this.#served?.();
  }

  fail(error: unknown): void {
    this.failed++;
    if (!(error instanceof PgError)) this.untyped.push(error);
    const code = error instanceof PgError ? error.code ?? error.name : "untyped";
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
  }

  /** `{ 57P01: 3, 08006: 2 }`, the most frequent first. */
  get why(): string {
    const sorted = [...this.codes].sort(([, a], [, b]) => b - a);
    return sorted.map(([code, count]) => `${count} × ${code}`).join(", ") || "none";
  }
}

/** One call with a nonce in it; answers whether the nonce came back. */
type Call = (pool: Pool, nonce: string, ledger: Ledger) => Promise<boolean>;

const READ = "select $1::text as nonce";
const WRITE = "insert into chaos values ($1)";

/** Each way to come to a connection, and both ways to write. */
const CALLS: readonly Call[] = [
  async (pool, nonce) => await pool.query(READ, [nonce]).scalar() === nonce,
  async (pool, nonce, { acknowledged }) => {
    const seen = await pool.transaction(async (tx) => {
      await tx.query(WRITE, [nonce]);
      return await tx.query(READ, [nonce]).scalar();
    });
    acknowledged.push(nonce);
    return seen === nonce;
  },
  async (pool, nonce) => {
    await using db = await pool.connect();
    return await db.query(READ, [nonce]).scalar() === nonce;
  },
  async (pool, nonce, { acknowledged }) => {
    await pool.query(WRITE, [nonce]);
    acknowledged.push(nonce);
    return true;
  },
  async (pool, nonce) => {
    const text = "select $1 || n as nonce from generate_series(1, 30) n";
    let n = 0;
    for await (const row of pool.query(text, [nonce])) {
      if (row.nonce !== `${nonce}${++n}`) return false;
    }
    return n === 30;
  },
];

/** Runs `count` clients until `isOver` says so; resolves when their last calls have settled. */
export async function runClients(
  pool: Pool,
  count: number,
  ledger: Ledger,
  isOver: () => boolean,
): Promise<void> {
  const client = async (id: number): Promise<void> => {
    for (let i = 0; !isOver(); i++) {
      const began = performance.now();
      try {
        if (!await CALLS[(id + i) % CALLS.length]!(pool, `${id}.${i}`, ledger)) ledger.wrong++;
        ledger.succeed();
      } catch (error) {
        ledger.fail(error);
        await pause(0.005);
      }
      ledger.longest = Math.max(ledger.longest, (performance.now() - began) / 1000);
    }
  };
  await Promise.all(Array.from({ length: count }, (_, id) => client(id)));
}
