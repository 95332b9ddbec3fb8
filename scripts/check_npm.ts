/**
 * Looks at the package in `npm/` as its users will: linted, packed, installed into an empty project,
 * imported there on Node 20, Node 24, Bun and Deno, and type-checked. Prints a line per check, and
 * what a failing one said; exits 1 when one fails. Needs `npm` and the registry.
 *
 *     deno task npm
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { runtimeBinary } from "./toolchain.ts";

const PUBLINT = "publint@0.3.25";
const ATTW = "@arethetypeswrong/cli@0.18.5";
/** Versions of TypeScript by the name of their package: the oldest that is supported first. */
const TYPESCRIPTS = {
  typescript54: "typescript@5.4.5",
  typescript56: "typescript@5.6.3",
  typescript60: "typescript@6.0.3",
  typescript70: "typescript@7.0.2",
} as const;
const NODE_TYPES = "@types/node@20";

/** The outcome of a check: `undefined`, or a description of the fault. */
type Finding = string | undefined;

interface Manifest {
  readonly exports: Readonly<Record<string, string | Entry>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

/** The file of an entry point with single modules, and with joined ones. */
interface Entry {
  readonly module: string;
  readonly default: string;
}

/** Runs all checks on the package in folder `npm` and resolves to how many failed. */
export async function checkNpm(npm: string): Promise<number> {
  const runtimes = [
    ["Node 20", await runtimeBinary("node20")],
    ["Node 24", await runtimeBinary("node24")],
    ["Bun", await runtimeBinary("bun")],
    ["Deno", process.execPath],
  ] as const;
  const work = mkdtempSync(join(tmpdir(), "cornac-npm-"));
  let failed = 0;
  const check = async (title: string, find: () => Finding | Promise<Finding>): Promise<void> => {
    const finding = await find();
    process.stdout.write(`${finding === undefined ? "ok    " : "FAILED"}  ${title}\n`);
    if (finding === undefined) return;
    failed++;
    process.stdout.write(finding.trimEnd().replaceAll(/^/gm, "        ") + "\n");
  };
  try {
    const entries = entryPoints(npm);
    await check("contents", () => contents(npm));
    await check("publint", () => run(npm, "npx", "-y", PUBLINT, "--strict"));
    const tarball = join(work, "package.tgz");
    await check("npm pack", () => pack(npm, work, tarball));
    await Promise.all([
      check(
        "attw",
        () => run(work, "npx", "-y", ATTW, tarball, "--profile", "esm-only", "--no-emoji"),
      ),
      check("install", () => install(work, tarball, peers(npm))),
    ]);
    writeFileSync(join(work, "main.mjs"), importer(entries));
    writeFileSync(join(work, "joined.mjs"), comparer(manifestOf(npm)));
    for (const [title, program] of runtimes) {
      await check(`import on ${title}`, () => run(work, program, "main.mjs"));
      await check(`joined files on ${title}`, () => run(work, program, "joined.mjs"));
    }
    writeFileSync(join(work, "main.ts"), consumer(entries.filter((entry) => !ADAPTER.test(entry))));
    writeFileSync(
      join(work, "adapters.ts"),
      exporter(entries.filter((entry) => ADAPTER.test(entry))),
    );
    writeFileSync(join(work, "strict.ts"), strict());
    writeFileSync(join(work, "typing.ts"), typing(npm));
    await several(compilations(), async ({ title, ...how }) => {
      await check(`types: ${title}`, () => types(work, how));
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return failed;
}

/** One run of a compiler. */
interface Compilation {
  readonly title: string;
  readonly compiler: string;
  readonly options: Settings;
  readonly files: readonly string[];
}

function compilations(): Compilation[] {
  return Object.entries(TYPESCRIPTS).flatMap(([compiler, name]) => {
    const version = name.replace("@", " ");
    const usual = SETTINGS.map(([title, options]) => (
      { title: `${version}, ${title}`, compiler, options, files: PROGRAMS }
    ));
    const node = { types: ["node"] };
    return [
      ...usual,
      { title: `${version}, adapters`, compiler, options: node, files: ["adapters.ts"] },
    ];
  });
}

/** Calls `work` for each item, for as many at once as there are cores. */
async function several<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

/**
 * Entry points that stand on a library, or on Node's own types. They are checked once for each
 * compiler: Drizzle's declarations alone take it seconds.
 */
const ADAPTER = /^\.\/(?:compat|drizzle|kysely|otel|prisma)\b/;

/** The programs of a user who has none of these libraries. */
const PROGRAMS: readonly string[] = ["main.ts", "strict.ts", "typing.ts"];

function manifestOf(npm: string): Manifest {
  return JSON.parse(readFileSync(join(npm, "package.json"), "utf8"));
}

function entryPoints(npm: string): string[] {
  return Object.keys(manifestOf(npm).exports).filter((entry) => !entry.endsWith(".json"));
}

/** Returns the libraries that entry points stand on, each in the version that the tests use. */
function peers(npm: string): string[] {
  const { imports } = JSON.parse(readFileSync(join(npm, "..", "deno.json"), "utf8")) as {
    imports: Readonly<Record<string, string>>;
  };
  return Object.keys(manifestOf(npm).peerDependencies)
    .map((name) => imports[name]?.replace(/^npm:/, "") ?? name);
}

function run(cwd: string, ...command: string[]): Promise<Finding> {
  const [name = "", ...args] = command;
  const env = { ...process.env, NO_COLOR: "1", npm_config_update_notifier: "false" };
  const child = spawn(name, args, {
    ...{ cwd, env, timeout: 120_000 },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => output += text);
  }
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(`${output}${error.message}`));
    child.on("close", (code) => {
      resolve(code === 0 ? undefined : output || `ended with ${code}`);
    });
  });
}

/** Nothing of this machine, nothing of one runtime's types, no TypeScript sources. */
function contents(npm: string): Finding {
  const found: string[] = [];
  for (const file of readdirSync(npm, { recursive: true, encoding: "utf8" })) {
    if (/(?<!\.d)\.ts$/.test(file)) found.push(`${file}: a TypeScript source`);
    if (!/\.(js|ts)$/.test(file)) continue;
    const text = readFileSync(join(npm, file), "utf8");
    if (/file:\/\/\/|sourceMappingURL/.test(text)) {
      found.push(`${file}: names a path of the builder`);
    }
    const code = text.replaceAll(/\/\*[^]*?\*\//g, "");
    // The shapes of drivers for Node have Node's types.
    const isShape = file.startsWith(join("src", "compat"));
    if (file.endsWith(".d.ts") && !isShape && /\b(Deno|Bun|NodeJS)\.|"node:/.test(code)) {
      found.push(`${file}: declares something by the types of one runtime`);
    }
  }
  const core = join("lib", "chunks", "core.js");
  if (/from "\.{1,2}\//.test(readFileSync(join(npm, core), "utf8"))) {
    found.push(`${core}: an import loads more files than this one`);
  }
  return found.length === 0 ? undefined : found.join("\n");
}

async function pack(npm: string, work: string, tarball: string): Promise<Finding> {
  const failure = await run(npm, "npm", "pack", "--silent", "--pack-destination", work);
  if (failure !== undefined) return failure;
  const [name] = readdirSync(work).filter((file) => file.endsWith(".tgz"));
  if (name === undefined) return "npm pack wrote nothing";
  renameSync(join(work, name), tarball);
  return undefined;
}

function install(
  work: string,
  tarball: string,
  peers: readonly string[],
): Promise<Finding> {
  const manifest = { private: true, type: "module" };
  writeFileSync(join(work, "package.json"), JSON.stringify(manifest));
  const quiet = ["--no-audit", "--no-fund", "--silent"];
  const compilers = Object.entries(TYPESCRIPTS).map(([name, version]) => `${name}@npm:${version}`);
  // The peers have peers of their own, which this package does not use.
  const free = ["--legacy-peer-deps", "--ignore-scripts"];
  return run(
    work,
    "npm",
    "install",
    ...quiet,
    ...free,
    tarball,
    ...peers,
    ...compilers,
    NODE_TYPES,
  );
}

/** Imports every entry point and exits 1 unless each exports something and the first can connect. */
function importer(entries: readonly string[]): string {
  return [
    ...entries.map((entry, i) => `import * as m${i} from "@cornac/pg${entry.slice(1)}";`),
    `const modules = [${entries.map((_, i) => `m${i}`)}];`,
    `const empty = modules.findIndex((module) => Object.keys(module).length === 0);`,
    `if (empty >= 0) throw new Error("entry point " + empty + " exports nothing");`,
    `if (typeof m0.connect !== "function") throw new Error("connect is not a function");`,
    "",
  ].join("\n");
}

/**
 * Compares the entry points of joined files with those of single modules, and exits 1 unless the runtime
 * takes the joined ones, and names, names of classes, and what two entry points share are the same.
 */
function comparer({ exports }: Manifest): string {
  const entries = Object.entries(exports).filter((entry): entry is [string, Entry] =>
    typeof entry[1] === "object"
  );
  const at = (path: string): string => JSON.stringify(`./node_modules/@cornac/pg/${path.slice(2)}`);
  return [
    `import assert from "node:assert/strict";`,
    ...entries.flatMap(([name, { module, default: joined }], i) => [
      `import * as named${i} from "@cornac/pg${name.slice(1)}";`,
      `import * as joined${i} from ${at(joined)};`,
      `import * as single${i} from ${at(module)};`,
      `assert.equal(named${i}, joined${i});`,
    ]),
    `const describe = (modules) => {`,
    `  const first = new Map();`,
    `  return modules.map((module, i) => Object.entries(module).map(([name, value]) => {`,
    `    if (typeof value !== "function") return [name, typeof value];`,
    `    if (!first.has(value)) first.set(value, i + " " + name);`,
    `    return [name, value.name, first.get(value)];`,
    `  }));`,
    `};`,
    `const joined = [${entries.map((_, i) => `joined${i}`)}];`,
    `assert.deepEqual(describe(joined), describe([${entries.map((_, i) => `single${i}`)}]));`,
    "",
  ].join("\n");
}

/** A module that exports everything that the entry points do. */
function exporter(entries: readonly string[]): string {
  return entries.map((entry, i) => `export * as m${i} from "@cornac/pg${entry.slice(1)}";`)
    .join("\n");
}

/** A user's program, to be compiled strictly. */
function consumer(entries: readonly string[]): string {
  return [
    exporter(entries),
    `import { connect, type Connection, DatabaseError } from "@cornac/pg";`,
    `export async function names(id: number): Promise<string[]> {`,
    `  const db: Connection = await connect({ user: "me", connectTimeout: 5 });`,
    `  try {`,
    `    const rows = await db.query<{ name: string }>("select name from t where id = $1", [id]);`,
    `    return rows.map((row) => row.name);`,
    `  } catch (error) {`,
    `    if (error instanceof DatabaseError) return [error.code ?? error.message];`,
    `    throw error;`,
    `  } finally {`,
    `    await db.close();`,
    `  }`,
    `}`,
    "",
  ].join("\n");
}

/** A program that gives options as `undefined`, has its rows typed, and closes by hand. */
function strict(): string {
  return [
    `import { connect, type ConnectOptions, createPool, type PoolOptions, Query } from "@cornac/pg";`,
    `import { type QueryOptions, sql, type TransactionRunOptions } from "@cornac/pg";`,
    `type Settable<T> = { [K in keyof T]-?: undefined extends Required<T>[K] ? never : K }[keyof T];`,
    `type All<T, Required extends keyof T = never> = [Exclude<Settable<T>, Required>] extends [never]`,
    `  ? true : Exclude<Settable<T>, Required>;`,
    `export const settable: [All<ConnectOptions>, All<PoolOptions>, All<QueryOptions>,`,
    `  All<TransactionRunOptions>] = [true, true, true, true];`,
    `export async function main(user?: string): Promise<void> {`,
    `  const db = await connect({ user, host: undefined, timeout: undefined, types: undefined });`,
    `  const pool = createPool({ user }, { max: undefined, min: undefined });`,
    `  const [row] = await db.sql<{ id: number }, [number]>\`select id from t where id = \${1}\`;`,
    `  const id: number | undefined = row?.id;`,
    `  const [ids, plain] = await pool.batch([sql<{ id: number }>\`select 1\`, sql\`select 2\`]);`,
    `  const bytes = await db.query("select 1", [id], { signal: undefined }).scalar<Uint8Array>();`,
    `  const lazy: Promise<unknown> = db.query<[number]>("select 1", [], { rows: "array" });`,
    `  console.log(ids[0]?.id, plain[0]?.["id"], bytes.length, lazy instanceof Query);`,
    `  await db[Symbol.asyncDispose]();`,
    `  await pool.close();`,
    `}`,
    `declare const console: { log(...values: unknown[]): void };`,
    "",
  ].join("\n");
}

/** Returns the repository's right and wrong uses of the types, for the package. */
function typing(npm: string): string {
  const source = readFileSync(join(npm, "..", "tests", "unit", "sql_typing.ts"), "utf8");
  return source.replace('"../../mod.ts"', '"@cornac/pg"');
}

/** Options of the compiler, over those that all checks share. */
type Settings = Readonly<Record<string, unknown>>;

const SETTINGS: readonly (readonly [title: string, options: Settings])[] = [
  ["@types/node", { types: ["node"] }],
  ["@types/node, disposal", { types: ["node"], lib: ["es2023", "esnext.disposable"] }],
  ["the language alone", {}],
  ["disposal", { lib: ["es2023", "esnext.disposable"] }],
  ["the web", { lib: ["es2022", "dom"] }],
  ["bundlers", { module: "esnext", moduleResolution: "bundler" }],
];

/** Type-checks the programs and our declarations, strictly and without Deno's types. */
async function types(
  work: string,
  { compiler, options: own, files }: Omit<Compilation, "title">,
): Promise<Finding> {
  const options = {
    ...{ strict: true, noEmit: true, skipLibCheck: false, exactOptionalPropertyTypes: true },
    ...{ noUncheckedIndexedAccess: true, noPropertyAccessFromIndexSignature: true },
    ...{ target: "es2022", lib: ["es2022"], types: [] },
    ...{ module: "nodenext", moduleResolution: "nodenext" },
    ...own,
  };
  const config = { compilerOptions: options, files };
  const project = `tsconfig.${crypto.randomUUID()}.json`;
  writeFileSync(join(work, project), JSON.stringify(config));
  const tsc = join("node_modules", compiler, "bin", "tsc");
  const failure = await run(work, "node", tsc, "--pretty", "false", "--project", project);
  return failure === undefined ? undefined : ownErrors(failure);
}

/**
 * Returns the errors of the compiler without those in the declarations of peers: some peers need
 * libraries and platforms that their users may not have.
 */
function ownErrors(report: string): Finding {
  const errors = report.split(/^(?=\S)/m)
    .filter((error) => !/^node_modules\/(?!@cornac\/)/.test(error));
  const own = errors.join("").replaceAll("node_modules/@cornac/pg/", "");
  return own.trim() === "" ? undefined : own;
}

if (import.meta.main) {
  const failed = await checkNpm(join(import.meta.dirname ?? ".", "..", "npm"));
  if (failed > 0) process.exitCode = 1;
}
