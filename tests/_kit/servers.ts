/**
 * Servers to test against. The runner starts one per major version and hands their addresses over in
 * `CORNAC_SERVERS`; a test file run by hand starts its own, which ends with its process.
 *
 * @example
 * ```ts
 * for (const major of majors()) {
 *   test(`select 1 (PostgreSQL ${major})`, async () => {
 *     const server = await sharedServer(major);
 *     const db = await connect({ host: server.host, port: server.port, user: "u_trust" });
 *     …
 *   });
 * }
 * ```
 */
import process from "node:process";
import { POSTGRES } from "../../scripts/toolchain.ts";
import { type Cluster, type ServerAddress, startCluster } from "./cluster.ts";
import { startInProcess } from "./in_process.ts";
import type { Mode } from "./pgbouncer.ts";
import { plainQuery } from "./plain_client.ts";
import { isBackendOf, poolerMode, type Recognisable, startPooled } from "./pooled.ts";

/** The major versions to test: `PG_MAJORS=15,18`, `PG_MAJORS=all`; 18 by default. */
export function majors(): number[] {
  const wanted = process.env.PG_MAJORS ?? "18";
  const known = Object.keys(POSTGRES).map(Number);
  const list = wanted === "all" ? known : wanted.split(",").map(Number);
  const unknown = list.filter((major) => !known.includes(major));
  if (unknown.length > 0) throw new Error(`PG_MAJORS: only ${known.join(", ")} or all`);
  return list;
}

/** The newest of {@linkcode majors}. */
export function defaultMajor(): number {
  return Math.max(...majors());
}

/**
 * A server many tests share: do not change its roles or settings, and name what you create
 * unmistakably (or make it temporary). Database and user: `postgres`, trusted.
 *
 * With `CORNAC_POOLER=session` or `transaction`, host and port are those of a PgBouncer in front of it
 * (pooled.ts); the Unix socket is the server's own. With `CORNAC_POOLER=pglite` they lead into PGlite
 * (in_process.ts), and there is no Unix socket.
 */
export async function sharedServer(major: number = defaultMajor()): Promise<ServerAddress> {
  if (process.env.CORNAC_POOLER === "pglite") return await (inProcess ??= startInProcess());
  const given: ServerAddress[] = JSON.parse(process.env.CORNAC_SERVERS ?? "[]");
  const server = given.find((server) => server.major === major) ?? await ownServer(major);
  const mode = poolerMode();
  return mode === undefined ? server : await pooled(server, mode);
}

/** Runs SQL as `postgres` on a shared server without the driver; values as text. */
export function serverQuery(server: ServerAddress, sql: string): Promise<(string | null)[][]> {
  return plainQuery(server.socketPath, sql, server.database);
}

/** Kills the backend that works for a connection to the shared server. */
export async function terminate(db: Recognisable): Promise<void> {
  const sql = `select pg_terminate_backend(pid) from pg_stat_activity where ${isBackendOf(db)}`;
  const killed = await serverQuery(await sharedServer(), sql);
  if (killed.length !== 1) throw new Error(`${killed.length} backends were killed`);
}

let inProcess: Promise<ServerAddress> | undefined;

// One per process: starting one per test would cost more than the test.
const own = new Map<number, Promise<Cluster>>();

function ownServer(major: number): Promise<Cluster> {
  let starting = own.get(major);
  if (!starting) {
    starting = startCluster({ major }).then(untilExit);
    own.set(major, starting);
  }
  return starting;
}

const poolers = new Map<number, Promise<ServerAddress>>();

function pooled(server: ServerAddress, mode: Mode): Promise<ServerAddress> {
  let starting = poolers.get(server.port);
  if (!starting) poolers.set(server.port, starting = startPooled(server, mode));
  return starting;
}

function untilExit(cluster: Cluster): Cluster {
  cluster.unref();
  process.once("exit", () => cluster.abandon());
  return cluster;
}
