import { certificates } from "../tests/_kit/certs.ts";
import { startCluster } from "../tests/_kit/cluster.ts";
import type { Settings } from "./peer.ts";
import type { Place } from "./workload.ts";

/** A server to measure against. */
export interface Server {
  /** The ways to connect; a server that was given has the plain one only. */
  readonly places: Readonly<Partial<Record<Place, Settings>>>;
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
    const plain = { ...place, user: username, database: pathname.slice(1) || username };
    return { places: { plain }, stop: () => Promise.resolve() };
  }
  const { ca: { cert: ca } } = await certificates();
  const cluster = await startCluster({ settings: { shared_buffers: "128MB" } });
  await cluster.query("grant create on database postgres to u_trust, u_scram");
  const { host, port } = cluster;
  const place = { host, port, database: "postgres" };
  const plain = { ...place, user: "u_trust" };
  const scram = { ...place, user: "u_scram", password: "p scram" };
  const places = {
    plain,
    scram,
    tls: { ...plain, ca },
    "tls and scram": { ...scram, ca },
  };
  return { places, stop: () => cluster.stop() };
}
