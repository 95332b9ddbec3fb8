/**
 * Starts PostgreSQL 18 from npm, with TLS, takes `examples/tour.ts` through it on Deno, Bun and Node
 * in turn, and stops it. Everything comes from npm and is kept in `.cache/`.
 *
 *     deno task demo [deno|bun|node …]
 *
 * The tour finds the server in its environment: `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`,
 * `PGDATABASE`, `PGSSLROOTCERT` (the root that signed the server's certificate, a PEM file), and
 * `TOUR_SOCKET`, the path of the Unix socket. The user logs in by SCRAM over TCP; on the socket
 * `postgres` is trusted.
 */
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { certificates } from "../tests/_kit/certs.ts";
import { type Cluster, startCluster } from "../tests/_kit/cluster.ts";
import { runtimeBinary } from "./toolchain.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** How each runtime runs the tour. */
const RUNTIMES: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  deno: () => Promise.resolve([process.execPath, "run", "-A", "--no-check", "--quiet"]),
  bun: async () => [await runtimeBinary("bun"), "run"],
  node: async () => [await runtimeBinary("node24"), "--disable-warning=ExperimentalWarning"],
};

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const start = performance.now();
  const names = args.length > 0 ? args : Object.keys(RUNTIMES);
  say("PostgreSQL 18: fetching and starting …");
  const server = await startCluster({ major: 18 });
  try {
    say(`PostgreSQL ${await version(server)} listens on ${server.host}:${server.port}, with TLS.`);
    const environment = await tourEnvironment(server);
    for (const name of names) {
      if (await tour(name, environment) !== 0) return 1;
    }
    say(`\nThat was ${names.join(", ")}, in ${seconds(start)} s.`);
    return 0;
  } finally {
    await server.stop();
    say("PostgreSQL has stopped.");
  }
}

async function version(server: Cluster): Promise<string> {
  return (await server.query("show server_version"))[0]![0]!;
}

async function tourEnvironment(server: Cluster): Promise<Record<string, string>> {
  const { ca } = await certificates();
  await server.query("create role guest login password 'secret'");
  await server.query("create database tour owner guest");
  return {
    PGHOST: "localhost",
    PGPORT: String(server.port),
    PGUSER: "guest",
    PGPASSWORD: "secret",
    PGDATABASE: "tour",
    PGSSLROOTCERT: ca.certPath,
    TOUR_SOCKET: server.socketPath,
  };
}

async function tour(name: string, environment: Record<string, string>): Promise<number> {
  const command = await RUNTIMES[name]?.();
  if (!command) throw new Error(`no runtime ${name}: ${Object.keys(RUNTIMES).join(", ")}`);
  say(`\n── ${name} ${"─".repeat(72 - name.length)}`);
  const start = performance.now();
  const [program, ...args] = command;
  const child = spawn(program!, [...args, "examples/tour.ts"], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: "inherit",
  });
  const code = await new Promise<number>((resolve) => {
    child.on("close", (status) => resolve(status ?? 1));
  });
  say(code === 0 ? `(${seconds(start)} s)` : `The tour failed on ${name}: exit code ${code}.`);
  return code;
}

function seconds(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(1);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
