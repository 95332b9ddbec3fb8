/**
 * The shared server behind PgBouncer: where tests are sent, unchanged, with `CORNAC_POOLER=session` or
 * `transaction`, and with `transaction,unprepared` without prepared statements.
 *
 * In transaction mode each transaction goes to the server connection that has been idle longest, of
 * three or more, so that a test that relies on a session fails as an application would. Tests use
 * temporary tables to keep apart; here a relay rewrites these into ordinary tables, in a database that
 * belongs to this process and is emptied before each test.
 */
import { Buffer } from "node:buffer";
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";
import type { ServerAddress } from "./cluster.ts";
import { type Mode, MODES, type PgBouncer, startPgBouncer } from "./pgbouncer.ts";
import { plainQuery } from "./plain_client.ts";

const wish = (process.env.CORNAC_POOLER ?? "").split(",");

/** Whether tests go through a pooler, and which kind. */
export function poolerMode(): Mode | undefined {
  return MODES.find((mode) => mode === wish[0]);
}

/** Starts PgBouncer in front of a server; it ends with this process. */
export async function startPooled(server: ServerAddress, mode: Mode): Promise<ServerAddress> {
  const { major, socketDirectory, socketPath } = server;
  const same = { major, socketDirectory, socketPath };
  if (mode === "session") {
    const { host, port } = untilExit(await startPgBouncer(server, mode, { default_pool_size: 50 }));
    return { ...same, host, port };
  }
  const database = `pooled_${process.pid}_${Math.random().toString(36).slice(2)}`;
  await plainQuery(socketPath, `create database ${database}`);
  const settings = {
    default_pool_size: 50,
    min_pool_size: 3,
    server_round_robin: 1,
    admin_users: "postgres",
  };
  const bouncer = untilExit(
    await startPgBouncer(server, mode, settings, { postgres: database }),
  );
  const busy = () => plainQuery(bouncer.socketPath, "select pg_sleep(0.05)");
  // Closing the sessions undoes their SET commands.
  const renew = async () => {
    await plainQuery(bouncer.socketPath, "reconnect", "pgbouncer");
    await plainQuery(socketPath, EMPTY, database);
    await Promise.all([busy(), busy(), busy()]);
  };
  const port = await relay(bouncer, renew);
  return { ...same, host: "127.0.0.1", port, database };
}

const EMPTY = `set client_min_messages = error; drop schema public cascade; create schema public;
  grant usage on schema public to public`;

function untilExit(bouncer: PgBouncer): PgBouncer {
  bouncer.unref();
  process.once("exit", () => bouncer.abandon());
  return bouncer;
}

/** Empties the database before a test that runs alone, so that nothing of earlier tests is left. */
async function relay(
  to: { readonly host: string; readonly port: number },
  empty: () => Promise<unknown>,
): Promise<number> {
  let here = 0;
  const server = createServer(async (client) => {
    client.setNoDelay(true);
    client.on("error", () => client.destroy());
    client.pause();
    await new Promise(setImmediate); // whose end has arrived already is not here
    if (here++ === 0) await empty();
    const leave = once(() => here--);
    client.once("end", leave);
    client.once("close", leave);
    if (client.destroyed) return;
    const upstream = connect(to);
    upstream.setNoDelay(true);
    upstream.on("error", () => client.destroy());
    upstream.once("close", () => client.destroy());
    client.once("close", () => upstream.destroy());
    upstream.pipe(client);
    withoutTemporary(client, upstream);
    client.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return (server.address() as { port: number }).port;
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

function withoutTemporary(from: Socket, to: Socket): void {
  from.on("data", (bytes: Buffer) => {
    for (const [word, spaces] of WORDS) {
      for (let at = 0; (at = bytes.indexOf(word, at)) >= 0; at++) bytes.set(spaces, at);
    }
    if (!to.write(bytes)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.once("end", () => to.end());
}

const WORDS: readonly (readonly [string, Buffer])[] = [
  ["create temp ", "create      "],
  ["create temporary ", "create           "],
  ["pg_temp.", " public."],
].map(([word, instead]) => [word!, Buffer.from(instead!)]);

let connections = 0;

/**
 * Connection options for a pooler: an application name to identify the connection, whether to prepare,
 * and, as a pool does in transaction mode, no request before the previous one is answered.
 */
export function pooledOptions(): PooledOptions {
  const mode = poolerMode();
  if (mode === undefined) return {};
  const applicationName = `cornac ${process.pid} ${++connections}`;
  return {
    applicationName,
    ...(mode === "transaction" ? { maxPipelined: 1 } : {}),
    ...(wish[1] === "unprepared" ? { statementCacheSize: 0 } : {}),
  };
}

/** See {@linkcode pooledOptions}. */
export interface PooledOptions {
  applicationName?: string;
  maxPipelined?: number;
  statementCacheSize?: number;
}

/** A value that identifies a connection's backend: behind PgBouncer the processId is PgBouncer's. */
export interface Recognisable {
  readonly processId: number;
  readonly parameterStatuses: ReadonlyMap<string, string>;
}

/** A condition on pg_stat_activity that holds for the backend that works for this connection, or did last. */
export function isBackendOf({ processId, parameterStatuses }: Recognisable): string {
  if (poolerMode() === undefined) return `pid = ${processId}`;
  const name = parameterStatuses.get("application_name");
  return `pid = (select pid from pg_stat_activity where application_name = '${name}'
    order by state_change desc limit 1)`;
}
