/** Pools for the pool tests: on the shared server or on a cluster of the test's own. */
import { createPool, type Pool, type PoolOptions } from "../../src/pool.ts";
import type { ConnectOptions } from "../../mod.ts";
import type { ServerAddress } from "../_kit/cluster.ts";
import { sharedServer } from "../_kit/servers.ts";

/** How to reach a server as its superuser. */
export function as(server: Pick<ServerAddress, "host" | "port">): ConnectOptions {
  const { host, port } = server;
  return { host, port, user: "postgres", database: "postgres" };
}

/** Runs `work` with a pool and closes it. */
export async function withPool<T>(
  options: PoolOptions & { server?: Pick<ServerAddress, "host" | "port"> },
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const { server = await sharedServer(), ...own } = options;
  const pool = createPool(as(server), own);
  try {
    return await work(pool);
  } finally {
    await pool.close({ timeout: 2 });
  }
}

/** Waits, for tests that must let time pass. */
export function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Whether `work` is done within `seconds`; leaves no timer behind, for which Node would wait. */
export async function inTime(work: Promise<unknown>, seconds: number): Promise<boolean> {
  let clock: ReturnType<typeof setTimeout>;
  const late = new Promise<false>((resolve) => {
    clock = setTimeout(() => resolve(false), seconds * 1000);
  });
  return await Promise.race([work.then(() => true), late]).finally(() => clearTimeout(clock));
}

/** Waits until something holds, at most `seconds`. */
export async function until(holds: () => boolean | Promise<boolean>, seconds = 10): Promise<void> {
  for (const end = performance.now() + seconds * 1000; !await holds();) {
    if (performance.now() > end) throw new Error(`it did not come to hold within ${seconds} s`);
    await pause(0.01);
  }
}
