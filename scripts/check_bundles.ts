/**
 * Lays the package of `npm/` beside bundlers and runs what they make of it: esbuild, Rollup, webpack
 * and Vite on Node 20 and 24, `bun build`, `deno compile`, workerd, and a page in Chromium that takes
 * the tour in PGlite and through a WebSocket. Prints a line per check and the sizes of the bundles; exits 1 when a check fails. Needs `npm` and the registry.
 *
 *     deno task bundles
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { certificates } from "../tests/_kit/certs.ts";
import { type Cluster, startCluster } from "../tests/_kit/cluster.ts";
import { withExampleServer } from "../tests/_kit/example_server.ts";
import { freePort } from "../tests/_kit/free_port.ts";
import { buildNpm } from "./build_npm.ts";
import { bundlersDirectory, runtimeBinary } from "./toolchain.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");

/** The outcomes from which README's table "where it runs" is made. */
const RECORD = join(ROOT, "scripts/where_it_runs.json");
/**
 * Most bytes of a bundle, minified and compressed by gzip, that is loaded at once; `deno task weigh`
 * shows the modules.
 */
const BUDGET: Readonly<Record<string, number>> = { connect_only: 70_000, with_pool: 85_000 };

/** The outcome of each scenario of worker.mjs. */
const IN_WORKERS: Readonly<Record<string, RegExp>> = {
  query: /^\{"n":42,"j":\[1\]\}$/,
  scram: /^"u_scram"$/,
  md5: /^"u_md5"$/,
  wrong: /^"OperationalError 28P01: password authentication failed/,
  cancel: /^"57014"$/,
  timeout: /^"57014 1"$/,
  transaction: /^1$/,
  copy: /^"2 1\\n2\\n"$/,
  listen: /^"hello"$/,
  stream: /^12502500$/,
  large: /^true$/,
  pool: /^"1,2,3,4,5"$/,
  "global pool": /^"NotSupportedError 0A000: Cloudflare Workers cannot share a connection/,
  refused:
    /^"OperationalError 08001: cannot connect to 127.0.0.1 port 1: the connection was refused/,
  unix: /^"NotSupportedError 0A000: .*Workers cannot open a Unix socket"$/,
  "own root": /^"NotSupportedError 0A000: .*Workers cannot trust a root of your own/,
  tls: /trusts certificates of public/,
  "private authority": /the TLS handshake failed; Cloudflare Workers trusts certificates of public/,
};

/** Outcomes that a page shows of both tours. */
const IN_BROWSER: Readonly<Record<string, RegExp>> = {
  int8: /^4611686018427387904n$/,
  numeric: /^1234567890\.0123456789$/,
  timestamptz: /^2026-01-02T03:04:05\.678Z$/,
  array: /^\["a",null,"c"\]$/,
  jsonb: /^\{"deep":\[1,2\]\}$/,
  ProgrammingError: /^42P01 undefined_table$/,
  "and afterwards": /^the connection goes on$/,
  "their answers": /^all right$/,
  "copied in": /^2$/,
  "copied out": /^1,one\n2,two\n$/,
  heard: /^hello$/,
};

/** And those of the tour by WebSocket. */
const OVER_WEBSOCKET: Readonly<Record<string, RegExp>> = {
  ...IN_BROWSER,
  timeout: /^57014$/,
  pool: /^1,2,3,4,5$/,
};

/** The outcomes of this run for the table "where it runs", by runtime. */
const ran: Record<string, Record<string, boolean>> = {};

let failed = 0;

function report(title: string, finding: string | undefined): void {
  process.stdout.write(`${finding === undefined ? "ok    " : "FAILED"}  ${title}\n`);
  if (finding === undefined) return;
  failed++;
  process.stdout.write(finding.trimEnd().replaceAll(/^/gm, "        ") + "\n");
}

if (import.meta.main) process.exitCode = await main();

async function main(): Promise<number> {
  const work = mkdtempSync(join(tmpdir(), "cornac-bundles-"));
  let cluster: Cluster | undefined;
  try {
    install(work, await buildNpm(ROOT), await bundlersDirectory());
    cluster = await startCluster();
    const { host, port } = cluster;
    const options = { host, port, user: "postgres", database: "postgres", sslMode: "disable" };
    const { ca } = await certificates();
    await everywhere(work, { ...options, root: ca.cert, socket: cluster.socketPath });
    await bundlers(work, options);
    await compilers(work, options);
    await workers(work, options);
    await browser(work, options);
    compareRecord(process.argv.includes("--record"));
  } finally {
    await cluster?.stop();
    rmSync(work, { recursive: true, force: true });
  }
  process.stdout.write(failed === 0 ? "bundles: all right\n" : `bundles: ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

/** Lays the package beside the tools, as npm would, and the programs beside both. */
function install(work: string, npm: string, tools: string): void {
  writeFileSync(join(work, "package.json"), JSON.stringify({ private: true, type: "module" }));
  for (const file of readdirSync(join(ROOT, "scripts/bundles"))) {
    copyFileSync(join(ROOT, "scripts/bundles", file), join(work, file));
  }
  const stops = readFileSync(join(ROOT, "examples/tour_stops.ts"), "utf8");
  writeFileSync(join(work, "tour_stops.ts"), stops.replace("../mod.ts", "@cornac/pg"));
  const modules = join(work, "node_modules");
  for (const name of readdirSync(join(tools, "node_modules"))) {
    const from = join(tools, "node_modules", name);
    const isScope = name.startsWith("@");
    mkdirSync(isScope ? join(modules, name) : modules, { recursive: true });
    for (const inner of isScope ? readdirSync(from) : [""]) {
      symlinkSync(join(from, inner), join(modules, name, inner));
    }
  }
  const packed = run(npm, {}, "npm", "pack", "--silent", "--pack-destination", work);
  const tarball = join(work, packed.output.trim().split("\n").at(-1)!);
  mkdirSync(join(modules, "@cornac/pg"), { recursive: true });
  const into = ["-C", join(modules, "@cornac/pg"), "--strip-components=1"];
  const unpacked = run(work, {}, "tar", "-xzf", tarball, ...into);
  if (!unpacked.isRight) throw new Error(`npm pack: ${packed.output}${unpacked.output}`);
}

/** Bundles by build.mjs, runs those for Node and loads the others, and compares sizes. */
async function bundlers(work: string, options: object): Promise<void> {
  const node24 = await runtimeBinary("node24");
  const build = run(work, {}, node24, "build.mjs");
  report("bundlers build", build.isRight ? undefined : build.output);
  if (!build.isRight) return;
  const { built, sizes, nodeImports } = JSON.parse(build.output.trim().split("\n").at(-1)!);
  const nodes = [["Node 20", await runtimeBinary("node20")], ["Node 24", node24]] as const;
  for (const { title, file, runs } of built) {
    if (runs) {
      for (const [on, node] of nodes) query(`${title}, on ${on}`, work, options, node, file);
    } else {
      const loaded = run(work, {}, node24, file);
      report(`${title}: loads`, loaded.isRight ? undefined : loaded.output);
      const names = nodeImports[title];
      report(`${title}: no node: import`, names === 0 ? undefined : `${names} imports`);
    }
  }
  for (const [name, most] of Object.entries(BUDGET)) {
    const size = sizes[name];
    report(
      `${name}: ${size} of ${most} bytes, minified, gzip`,
      size <= most ? undefined : "larger",
    );
  }
}

/** Bundles and programs made by Bun and Deno themselves. */
async function compilers(work: string, options: object): Promise<void> {
  const bun = await runtimeBinary("bun");
  const make = (title: string, command: string[], program: string[]): void => {
    const made = run(work, {}, ...command);
    if (!made.isRight) return report(title, made.output);
    query(title, work, options, ...program);
  };
  const out = (name: string): string => join(work, "out", name);
  const build = [bun, "build", "program.mjs", "--target=bun"];
  make("bun build, esm", [...build, `--outfile=${out("bun.mjs")}`], [bun, out("bun.mjs")]);
  const cjs = [...build, "--format=cjs", `--outfile=${out("bun.cjs")}`];
  make("bun build, cjs", cjs, [bun, out("bun.cjs")]);
  make("bun build --compile", [...build, "--compile", `--outfile=${out("bun")}`], [out("bun")]);
  const chunks = ["Rollup", "esbuild"].map((name) => `${name}, in chunks`);
  const files = ["out/rollup-chunks", "out/esbuild-chunks"].map((folder) => join(work, folder));
  for (const [i, title] of [...chunks, "the package"].entries()) {
    const variables = { CORNAC_OPTIONS: JSON.stringify(options) };
    const file = join(files[i] ?? work, "contexts.mjs");
    const deno = [process.execPath, "run", "-A", "--quiet", "--node-modules-dir=manual"];
    const { output } = run(work, variables, ...deno, file);
    const isRight = output.trim() === "undefined";
    report(`${title}, on Deno: no context is left behind`, isRight ? undefined : output);
  }
  const compile = [process.execPath, "compile", "-A", "--quiet", "--node-modules-dir=manual"];
  const compiled = run(work, {}, ...compile, "-o", out("deno"), "program.mjs");
  if (compiled.output.includes("error sending request")) {
    process.stdout.write(
      "SKIPPED deno compile: its base program, denort, cannot be downloaded here\n",
    );
  } else if (!compiled.isRight) report("deno compile", compiled.output);
  else query("deno compile", work, options, out("deno"));
}

async function workers(work: string, options: object): Promise<void> {
  const logins = {
    scram: { user: "u_scram", password: "p scram" },
    md5: { user: "u_md5", password: "p md5" },
  };
  const root = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
  const { ca } = await certificates();
  const sent = { CORNAC_OPTIONS: JSON.stringify({ ...options, root, logins }) };
  const trusting = { ...sent, CORNAC_ONLY: "tls", NODE_EXTRA_CA_CERTS: ca.certPath };
  const secured = run(work, trusting, await runtimeBinary("node24"), "workers.mjs");
  const tls = secured.isRight && lastLine(secured.output).found[0].outcomes.tls;
  const { isRight, output } = run(work, sent, await runtimeBinary("node24"), "workers.mjs");
  if (!isRight) return report("workerd", output);
  const { found, nodeImports } = lastLine(output);
  ran["Cloudflare Workers"] = workersRow(found[0].outcomes, tls);
  report(
    "workerd: TLS to an authority that it trusts",
    tls === true ? undefined : `${tls} ${secured.output}`,
  );
  report("workerd: no node: import", nodeImports === 0 ? undefined : `${nodeImports} imports`);
  for (const { title, outcomes } of found) {
    const wrong = Object.entries(IN_WORKERS)
      .filter(([name, expected]) => !expected.test(JSON.stringify(outcomes[name]) ?? ""))
      .map(([name]) => `${name}: ${JSON.stringify(outcomes[name])}`);
    report(`workerd, ${title}`, wrong.length === 0 ? undefined : wrong.join("\n"));
  }
}

/** Tries each thing of the table "where it runs" on the runtimes with sockets, and in PGlite. */
async function everywhere(work: string, options: object): Promise<void> {
  const deno = [process.execPath, "run", "-A", "--quiet", "--node-modules-dir=manual"];
  const runtimes: readonly (readonly [string, readonly string[]])[] = [
    ["Deno", deno],
    ["Bun", [await runtimeBinary("bun")]],
    ["Node 20", [await runtimeBinary("node20")]],
    ["Node 24", [await runtimeBinary("node24")]],
  ];
  for (const [name, command] of runtimes) {
    const sent = { CORNAC_OPTIONS: JSON.stringify(options) };
    const { isRight, output } = run(work, sent, ...command, "everywhere.mjs");
    if (!isRight) report(`${name}: where it runs`, output);
    else {
      const [here, inProcess] = JSON.parse(output.trim().split("\n").at(-1)!);
      const wrong = Object.entries(here).filter(([, outcome]) => outcome !== true);
      report(`${name}: where it runs`, wrong.map(String).join("\n") || undefined);
      ran[name] = outcomes(here);
      ran["PGlite, in process"] = { ...ran["PGlite, in process"], ...outcomes(inProcess) };
    }
  }
}

// deno-lint-ignore no-explicit-any -- programs of this project print it
function lastLine(output: string): any {
  return JSON.parse(output.trim().split("\n").at(-1)!);
}

function outcomes(found: Readonly<Record<string, unknown>>): Record<string, boolean> {
  return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, value === true]));
}

function workersRow(
  found: Readonly<Record<string, unknown>>,
  tls: unknown,
): Record<string, boolean> {
  const holds = (name: string): boolean => IN_WORKERS[name]!.test(JSON.stringify(found[name]));
  return {
    ...{ TCP: holds("query"), TLS: tls === true, Unix: !holds("unix"), cancel: holds("cancel") },
    ...{ COPY: holds("copy"), LISTEN: holds("listen"), pool: holds("pool") },
  };
}

function browserRow(found: Shown): Record<string, boolean> {
  const holds = (name: string): boolean => OVER_WEBSOCKET[name]!.test(found[name] ?? "");
  return {
    ...{ TCP: false, TLS: false, Unix: false, WebSocket: holds("their answers") },
    ...{ cancel: holds("timeout"), COPY: holds("copied out"), LISTEN: holds("heard") },
    pool: holds("pool"),
  };
}

/** Compares this run with the record from which README's table is made, or writes the record. */
function compareRecord(isRecording: boolean): void {
  if (isRecording) {
    writeFileSync(RECORD, `${JSON.stringify(ran, null, 2)}\n`);
    return report(`where it runs: recorded in ${RECORD}`, undefined);
  }
  const recorded: typeof ran = JSON.parse(readFileSync(RECORD, "utf8"));
  const different = Object.entries(ran)
    .filter(([name, row]) => JSON.stringify(row) !== JSON.stringify(recorded[name]))
    .map(([name, row]) => `${name}: ${JSON.stringify(row)}`);
  report(
    "where it runs: as README says",
    different.length === 0
      ? undefined
      : `${
        different.join("\n")
      }\nrun deno task bundles --record, and scripts/generate_where_table.ts`,
  );
}

/** Takes the tours in Chromium, headless, through the relay of examples/ to the server. */
async function browser(work: string, options: { host: string; port: number }): Promise<void> {
  const chromium = [process.env.CORNAC_CHROMIUM, "/usr/bin/chromium"].find((path) =>
    path !== undefined && existsSync(path)
  );
  if (chromium === undefined) {
    process.stdout.write("SKIPPED browser: Chromium is not installed; CORNAC_CHROMIUM names it\n");
    return;
  }
  const node24 = await runtimeBinary("node24");
  const page = await freePort();
  const settings = {
    RELAY_TARGETS: `${options.host}:${options.port}`,
    RELAY_ORIGINS: `http://127.0.0.1:${page}`,
  };
  await withExampleServer("server_relay", settings, ({ port }) => {
    const { isRight, output } = run(
      work,
      {
        CORNAC_OPTIONS: JSON.stringify(options),
        CORNAC_CHROMIUM: chromium,
        CORNAC_PAGE: String(page),
        CORNAC_RELAY: `ws://127.0.0.1:${port}/v1`,
      },
      node24,
      "browser.mjs",
    );
    if (!isRight) report("Chromium", output);
    else reportTours(JSON.parse(output.trim().split("\n").at(-1)!));
    return Promise.resolve();
  });
}

type Shown = Readonly<Record<string, string>>;

interface Tours {
  readonly version: string;
  readonly pglite: Shown;
  readonly websocket: Shown;
  readonly cells: readonly string[];
  readonly errors: readonly string[];
}

function reportTours({ version, pglite, websocket, cells, errors }: Tours): void {
  const name = `Chromium ${version}`;
  ran["Browsers"] = browserRow(websocket);
  report(`${name}: PGlite in the page`, differences(IN_BROWSER, pglite));
  report(`${name}: a WebSocket through the relay`, differences(OVER_WEBSOCKET, websocket));
  const shown = cells.filter((cell) => cell === "the connection goes on").length;
  const finding = shown === 2 ? errors.join("\n") || undefined : `${shown} tables: ${cells.join()}`;
  report(`${name}: the page shows the rows of both, without an error`, finding);
}

function differences(expected: Readonly<Record<string, RegExp>>, found: Shown): string | undefined {
  const wrong = Object.entries(expected)
    .filter(([name, value]) => !value.test(found[name] ?? ""))
    .map(([name]) => `${name}: ${found[name] ?? found.error}`);
  return wrong.length === 0 ? undefined : wrong.join("\n");
}

/** Runs a program that queries, and compares what it prints. */
function query(title: string, work: string, options: object, ...command: string[]): void {
  const { output } = run(work, { CORNAC_OPTIONS: JSON.stringify(options) }, ...command);
  const isRight = output.trim() === '[{"n":42,"t":"ä"},[1,2,3]]';
  report(title, isRight ? undefined : output || "no output");
}

function run(
  cwd: string,
  variables: Readonly<Record<string, string>>,
  ...[name = "", ...args]: string[]
): { readonly isRight: boolean; readonly output: string } {
  const env = { ...process.env, NO_COLOR: "1", npm_config_update_notifier: "false", ...variables };
  const { status, stdout, stderr, error } = spawnSync(name, args, {
    ...{ cwd, env },
    encoding: "utf8",
    timeout: 300_000,
  });
  const isRight = status === 0;
  return { isRight, output: isRight ? stdout : `${stdout}${stderr}${error?.message ?? ""}` };
}
