/**
 * Looks at the package in `npm-compat/` as an application does: installed from a registry under the name
 * `pg`, for all packages that stand on `pg`. Runs the programs of `examples/compat` with it on Node,
 * Deno and Bun, OpenTelemetry's own instrumentation, and TypeScript. Prints a line per check, and what a
 * failing one said; exits 1 when one fails. Needs `npm` and the registry.
 *
 *     deno task compat
 */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Cluster, startCluster } from "../tests/_kit/cluster.ts";
import { buildCompat } from "./build_compat.ts";
import { buildNpm } from "./build_npm.ts";
import { serveRegistry } from "./compat/registry.ts";
import { runtimeBinary } from "./toolchain.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const EXAMPLES = join(ROOT, "examples", "compat");
const HERE = join(ROOT, "scripts", "compat");
const PUBLINT = "publint@0.3.25";
const ATTW = "@arethetypeswrong/cli@0.18.5";
const TOOLS = ["@opentelemetry/instrumentation-pg@0.77.0", "@opentelemetry/sdk-trace-base@2.12.1"]
  .concat("@opentelemetry/api@1.10.0", "@types/node@20", "typescript@6.0.3")
  .concat("pg-types-declared@npm:@types/pg@8.23.1");

/** The spans that the instrumentation makes of the program; the same as with `pg` itself. */
const SPANS = `pg.connect ok postgres
pg-pool.connect ok postgres
pg.query:SELECT postgres ok postgres select 1
pg-pool.connect ok postgres
pg.query:SELECT postgres ok postgres select 2
pg.connect ok postgres
pg.query:SELECT postgres ok postgres select $1::int
pg.query:SELECT postgres ERROR postgres select 1/0`;

/** The outcome of a check: `undefined`, or a description of the fault. */
type Finding = string | undefined;

/** The output of a program, and its exit code. */
interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

let failed = 0;

if (import.meta.main) process.exitCode = await main();

async function main(): Promise<number> {
  const work = mkdtempSync(join(tmpdir(), "cornac-compat-"));
  let cluster: Cluster | undefined;
  try {
    const compat = await buildCompat(await buildNpm(ROOT));
    await check("publint", () => run(compat, "npx", "-y", PUBLINT, "--strict"));
    await check(
      "npm pack",
      () => run(compat, "npm", "pack", "--silent", "--pack-destination", work),
    );
    const tarball = join(work, readdirSync(work).find((file) => file.endsWith(".tgz")) ?? "");
    await check("attw", () => run(work, "npx", "-y", ATTW, tarball, "--no-emoji"));
    await check("install as pg", () => install(work, tarball, compat));
    if (failed > 0) return 1;
    await check("one copy of pg", () => Promise.resolve(copies(work)));
    cluster = await startCluster();
    await programs(work, cluster);
    await check(
      "types: a program, on ours and on @types/pg; ours as those of @types/pg",
      () => types(work),
    );
  } finally {
    await cluster?.stop();
    rmSync(work, { recursive: true, force: true });
  }
  return failed === 0 ? 0 : 1;
}

async function check(title: string, find: () => Promise<Finding>): Promise<void> {
  const finding = await find();
  process.stdout.write(`${finding === undefined ? "ok    " : "FAILED"}  ${title}\n`);
  if (finding === undefined) return;
  failed++;
  process.stdout.write(finding.trimEnd().replaceAll(/^/gm, "        ") + "\n");
}

/** Runs a program to its end. */
function ended(cwd: string, command: readonly string[], environment = {}): Promise<Ended> {
  const [name = "", ...args] = command;
  const child = spawn(name, args, {
    cwd,
    env: { ...process.env, NO_COLOR: "1", npm_config_update_notifier: "false", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 180_000,
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => output += text);
  child.stderr.setEncoding("utf8").on("data", (text) => errors += text);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output, errors }));
  });
}

async function run(cwd: string, ...command: string[]): Promise<Finding> {
  const { code, output, errors } = await ended(cwd, command);
  return code === 0 ? undefined : output + errors;
}

/** Installs the package from a registry by the line that an application has in its package.json. */
async function install(work: string, tarball: string, compat: string): Promise<Finding> {
  cpSync(EXAMPLES, work, { recursive: true });
  cpSync(HERE, work, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(compat, "package.json"), "utf8"));
  const registry = await serveRegistry(tarball, manifest);
  try {
    writeFileSync(join(work, ".npmrc"), registry.npmrc);
    const quiet = [
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      "--ignore-scripts",
      "--legacy-peer-deps",
    ];
    return await run(work, "npm", "install", ...quiet, ...TOOLS);
  } finally {
    registry.close();
  }
}

/** Type-checks a program with our declarations and with those of @types/pg, and compares the two. */
function types(work: string): Promise<Finding> {
  const usage = readFileSync(join(work, "usage.mts.txt"), "utf8");
  writeFileSync(join(work, "usage.mts"), usage);
  writeFileSync(
    join(work, "declared.mts"),
    usage.replaceAll('from "pg"', 'from "pg-types-declared"'),
  );
  cpSync(join(work, "assigned.mts.txt"), join(work, "assigned.mts"));
  return run(work, "node", join("node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.json");
}

/** Looks for a second `pg` below any package. */
function copies(work: string): Finding {
  const found = readdirSync(join(work, "node_modules"), { recursive: true, encoding: "utf8" })
    .filter((path) => /(^|\/)node_modules\/pg$|^pg$/.test(path))
    .filter((path) => existsSync(join(work, "node_modules", path, "package.json")));
  const { name } = JSON.parse(readFileSync(join(work, "node_modules/pg/package.json"), "utf8"));
  if (found.length === 1 && name === "@cornac/pg-compat") return undefined;
  return `${name}; ${found.join(", ")}`;
}

/** Runs the examples on each runtime, and the instrumentation on Node. */
async function programs(work: string, cluster: Cluster): Promise<void> {
  const node24 = await runtimeBinary("node24");
  const runtimes = [
    ["Node 24", [node24]],
    ["Deno", [process.execPath, "run", "-A", "--no-check", "--quiet", "--node-modules-dir=manual"]],
    ["Bun", [await runtimeBinary("bun"), "run"]],
  ] as const;
  const names = readdirSync(EXAMPLES).filter((file) => file.endsWith(".mjs")).sort();
  const environmentOf = (database: string) => ({
    DATABASE_URL: `postgres://postgres@${cluster.host}:${cluster.port}/${database}`,
  });
  const jobs = names.flatMap((name) => runtimes.map((runtime) => [name, ...runtime] as const));
  const worker = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const [name, title, command] = job;
      const database = `${name} ${title}`.toLowerCase().replaceAll(/\W/g, "_");
      await cluster.query(`create database ${database}`);
      const wanted = printed(readFileSync(join(EXAMPLES, name), "utf8"));
      await check(`${name} on ${title}`, async () => {
        const run = ended(work, [...command, name], environmentOf(database));
        return difference(await run, wanted);
      });
    }
  };
  await Promise.all([worker(), worker()]);
  await check(
    "OpenTelemetry's instrumentation-pg",
    async () =>
      difference(await ended(work, [node24, "telemetry.mjs"], environmentOf("postgres")), SPANS),
  );
}

/** Returns what a program says in its first comment that it prints. */
function printed(source: string): string {
  const stated = /Prints:\n \*\n \* ```\n([^]*?) \* ```\n/.exec(source)?.[1];
  if (stated === undefined) throw new Error("a program does not say what it prints");
  return stated.replaceAll(/^ \* ?/gm, "").trim();
}

function difference({ code, output, errors }: Ended, wanted: string): Finding {
  const text = output.replaceAll(/ +$/gm, "").trim();
  if (code === 0 && text === wanted) return undefined;
  return `exit code ${code}\n${output}${errors}`;
}
