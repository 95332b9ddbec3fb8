import { startCluster } from "../tests/_kit/cluster.ts";
import type { Settings } from "./peer.ts";

/** A server to measure against. */
export interface Server {
  readonly settings: Settings;
  stop(): Promise<void>;
}

/**
 * The server that `url` names, which nothing here stops, or a PostgreSQL 18 of our own.
 *
 * @throws {Error} the server does not start.
 */
export async function startServer(url: string | undefined): Promise<Server> {
  if (url !== undefined) {
    const { hostname, port, username, pathname } = new URL(url);
    const place = { host: hostname, port: Number(port || 5432) };
    const settings = { ...place, user: username, database: pathname.slice(1) || username };
    return { settings, stop: () => Promise.resolve() };
  }
  const cluster = await startCluster({ certificate: false });
  const { host, port } = cluster;
  return {
    settings: { host, port, user: "u_trust", database: "postgres" },
    stop: () => cluster.stop(),
  };
}
