/**
 * Builds the npm package in `npm/`: `deno pack` turns the modules into JavaScript and declarations;
 * this script adds the metadata that `deno pack` drops and leaves out what only Deno needs.
 *
 * Bundlers take the modules in `src/`, of which they can leave out each by itself. Runtimes take the same
 * modules from `lib/`, joined into a few files (`npm_chunks.ts`), which load in half the time.
 *
 *     deno task npm
 *
 * `scripts/check_npm.ts` then installs the result and looks at it from the other side.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { DISPOSABLE, DISPOSABLE_DECLARATIONS, published } from "./npm_declarations.ts";
import { chunkFile, entryFile, joinModules, PLACES } from "./npm_chunks.ts";
import { publishedModule } from "./npm_modules.ts";

const DOCUMENTS = ["README.md", "PG8000.md", "FAILURES.md", "CHANGELOG.md", "LICENSE", "docs"];

/** The libraries that adapters stand on. All are optional: each entry point needs at most one. */
const PEERS = {
  "@electric-sql/pglite": ">=0.5",
  "@opentelemetry/api": ">=1.9 <2",
  "@prisma/driver-adapter-utils": ">=7 <8",
  "drizzle-orm": ">=0.45 <1",
  "kysely": ">=0.28 <1",
} as const;

const METADATA = {
  description:
    "PostgreSQL driver in plain TypeScript: one source for Deno, Bun and Node, no dependencies",
  keywords: ["postgresql", "postgres", "pg", "sql", "database", "driver", "client"]
    .concat(["deno", "bun", "node", "typescript", "db-api"]),
  repository: { type: "git", url: "git+https://github.com/cornac/pg.git" },
  homepage: "https://github.com/cornac/pg#readme",
  bugs: { url: "https://github.com/cornac/pg/issues" },
  engines: { node: ">=20" },
  peerDependencies: PEERS,
  peerDependenciesMeta: Object.fromEntries(
    Object.keys(PEERS).map((name) => [name, { optional: true }]),
  ),
  sideEffects: false,
} as const;

/** The part of `package.json` that `deno pack` writes. */
interface PackedManifest {
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly license: string;
  readonly main: string;
  readonly types: string;
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
}

/**
 * Packs the repository at `root` into `<root>/npm`, which is replaced, and returns that path. With
 * CORNAC_KEEP_NPM=1 a package that is there is kept: one build serves all sections of `.ci/run`.
 *
 * @throws {Error} `deno pack` failed, or a document that belongs into the package is missing.
 */
export async function buildNpm(root: string): Promise<string> {
  const out = join(root, "npm");
  const places = join(root, PLACES);
  const isThere = existsSync(join(out, "package.json")) && existsSync(places);
  if (process.env.CORNAC_KEEP_NPM === "1" && isThere) return out;
  const work = mkdtempSync(join(tmpdir(), "cornac-pack-"));
  try {
    const packed = pack(root, work);
    rmSync(out, { recursive: true, force: true });
    copyModules(packed, out);
    writeProgram(out);
    chooseRuntimeByCondition(out);
    for (const name of DOCUMENTS) cpSync(join(root, name), join(out, name), { recursive: true });
    const manifest = JSON.parse(readFileSync(join(packed, "package.json"), "utf8"));
    mkdirSync(dirname(places), { recursive: true });
    writeFileSync(places, JSON.stringify(Object.fromEntries(await joined(out, manifest))));
    writeFileSync(join(out, "package.json"), JSON.stringify(complete(manifest), null, 2) + "\n");
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return out;
}

/** Source maps are left out: `deno pack` writes this machine's paths into them. */
function pack(root: string, work: string): string {
  const tarball = join(work, "package.tgz");
  run(
    process.execPath,
    ["pack", "--quiet", "--allow-dirty", "--no-source-maps", "-o", tarball],
    root,
  );
  run("tar", ["-xzf", tarball], work);
  return join(work, "package");
}

function run(command: string, args: string[], cwd: string): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed`, { cause: error });
}

/** `deno pack` adds modules that no export reaches as they are, in TypeScript; they stay behind. */
function copyModules(from: string, to: string): void {
  for (const path of readdirSync(from, { recursive: true, encoding: "utf8" })) {
    if (!/\.(js|d\.ts)$/.test(path)) continue;
    mkdirSync(dirname(join(to, path)), { recursive: true });
    const text = readFileSync(join(from, path), "utf8");
    const isModule = path.endsWith(".js");
    writeFileSync(join(to, path), isModule ? publishedModule(text) : published(text, path));
  }
  writeFileSync(join(to, DISPOSABLE), DISPOSABLE_DECLARATIONS);
}

/** Modules that import the detection of the runtime, relative to the package. */
const DETECTING = ["src/connect.js", "src/pool.js"];

/**
 * Lets a package condition choose the runtime, so that bundles for Workers and browsers contain no
 * `node:` import. Everywhere else `detect.js` decides at run time.
 */
function chooseRuntimeByCondition(out: string): void {
  for (const file of DETECTING) {
    const path = join(out, file);
    const text = readFileSync(path, "utf8");
    const changed = text.replace(/"\.\/runtime\/detect\.js"/, `"#runtime"`);
    if (changed === text) throw new Error(`${file} does not import runtime/detect.js`);
    writeFileSync(path, changed);
  }
  for (const [name, lines] of Object.entries(DETECTIONS)) {
    const text = `export async function detectRuntime() {\n  ${lines.join("\n  ")}\n}\n`;
    writeFileSync(join(out, "src", "runtime", `detect_${name}.js`), text);
  }
}

const adapter = (name: string): string => `return (await import("./${name}.js")).runtime;`;

/** The detection for each kind of place: it imports only what a bundler can resolve there. */
const DETECTIONS: Readonly<Record<string, readonly string[]>> = {
  workers: [adapter("workers")],
  browser: [adapter("browser")],
  server: [
    `if ("Deno" in globalThis) ${adapter("deno")}`,
    `if ("Bun" in globalThis) ${adapter("bun")}`,
    adapter("node"),
  ],
};

/** The conditions that choose a detection. `fileOf` returns the file of a module. */
function runtimeConditions(fileOf: (module: string) => string): object {
  const detect = (name: string): string => `./${fileOf(detection(name))}`;
  const server = detect("server");
  return {
    types: "./src/runtime/detect.d.ts",
    ...{ workerd: detect("workers"), deno: server, bun: server, node: server },
    ...{ browser: detect("browser"), default: server },
  };
}

const detection = (name: string): string => `src/runtime/detect_${name}.js`;

/** Joins the modules for runtimes. The joined files have a name of their own for the detection. */
function joined(out: string, { exports }: PackedManifest): ReturnType<typeof joinModules> {
  return joinModules(out, {
    entries: Object.values(exports).map((target) => target.default.replace("./", "")),
    conditional: Object.keys(DETECTIONS).map(detection),
    renamed: { "#runtime": JOINED_RUNTIME },
    external: ["typescript", ...Object.keys(PEERS)].flatMap((name) => [name, `${name}/*`]),
  });
}

const JOINED_RUNTIME = "#joined-runtime";

const PROGRAM = "bin/cornac.js";

/** Writes what `npx @cornac/pg` runs: Node 20 does not know which module is the main one. */
function writeProgram(out: string): void {
  mkdirSync(join(out, "bin"), { recursive: true });
  const text = `#!/usr/bin/env node
import { main } from "../lib/cli/cli.js";

await main();
`;
  writeFileSync(join(out, PROGRAM), text, { mode: 0o755 });
}

/** Bundlers define `module`; those for Workers and browsers may define only what they bundle for. */
function conditions({ types, default: module }: PackedManifest["exports"][string]): object {
  return { types, workerd: module, browser: module, module, default: ofRuntimes(module) };
}

function ofRuntimes(entry: string): string {
  return `./${entryFile(entry.replace("./", ""))}`;
}

function complete(packed: PackedManifest): object {
  const { name, version, type, license, main, types, exports } = packed;
  const entries = Object.entries(exports).map(([entry, target]) => [entry, conditions(target)]);
  const { description, keywords, ...rest } = METADATA;
  return {
    ...{ name, version, description, keywords, license, type },
    ...{ main: ofRuntimes(main), types },
    bin: { cornac: PROGRAM },
    imports: {
      "#runtime": runtimeConditions((module) => module),
      [JOINED_RUNTIME]: runtimeConditions(chunkFile),
    },
    exports: { ...Object.fromEntries(entries), "./package.json": "./package.json" },
    ...rest,
  };
}

if (import.meta.main) {
  const out = await buildNpm(join(import.meta.dirname ?? ".", ".."));
  const { name, version } = JSON.parse(readFileSync(join(out, "package.json"), "utf8"));
  process.stdout.write(`npm/ holds ${name}@${version}\n`);
}
