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
