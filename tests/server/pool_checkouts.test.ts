/** A million times taken and given back: what it leaves behind is nothing. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { Pool } from "../../src/pool.ts";
import { collector } from "../_kit/collector.ts";
import { withPool } from "./pool_server.ts";

const CHECKOUTS = Number(process.env.CORNAC_CHECKOUTS ?? 1_000_000);
/** So many that some wait, and not so many that Node 20 warns of listeners on their one signal. */
const CALLERS = 10;

/** A signal that counts its listeners. */
function counted(): { signal: AbortSignal; listeners: () => number } {
  const { signal } = new AbortController();
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    count++;
    return addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    count--;
    return removeEventListener.apply(signal, args);
  };
  return { signal, listeners: () => count };
}

/** Listeners of the process, of which a pool has none. */
function ofProcess(): number {
  return process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
}

async function checkouts(pool: Pool, count: number, signal: AbortSignal): Promise<void> {
  const caller = async () => {
    for (let i = 0; i < count / CALLERS; i++) {
      const db = await pool.connect({ signal });
      await db.close();
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

/** Megabytes in use, after a collection where that can be had. */
function heap(collect: (() => void) | undefined): number {
  for (let i = 0; i < 3; i++) collect?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

test("pool: checkouts by the million leave no memory, no listener and no waiting caller", {
  timeout: 120_000,
}, () =>
  withPool({ max: 4 }, async (pool) => {
    const collect = collector();
    const { signal, listeners } = counted();
    const before = ofProcess();
    const warnings: Error[] = [];
    const warn = (warning: Error) => void warnings.push(warning);
    process.on("warning", warn);
    const heaps: number[] = [];
    for (let tenth = 0; tenth < 10; tenth++) {
      await checkouts(pool, CHECKOUTS / 10, signal);
      heaps.push(heap(collect));
    }
    process.removeListener("warning", warn);
    const { acquired, created, waiting, leased } = pool.stats();
    assert.deepEqual([acquired >= CHECKOUTS, created <= 8, waiting, leased], [true, true, 0, 0]);
    assert.deepEqual([listeners(), ofProcess() - before, warnings], [0, 0, []]);
    const list = heaps.map((size) => size.toFixed(1)).join(" ");
    const when = collect === undefined ? "not collected" : "collected";
    process.stdout.write(
      `# pool: ${CHECKOUTS} checkouts, 0 listeners left; MB of heap after each tenth, ${when}: ${list}\n`,
    );
    // Four bytes kept of each checkout would be more.
    if (collect !== undefined) assert.ok(heaps.at(-1)! - heaps[1]! < CHECKOUTS * 4 / 2 ** 20, list);
  }));
