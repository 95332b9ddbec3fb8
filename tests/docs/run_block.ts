/** Compiles and runs examples as modules of their own, beside the sources (or the built package) under test. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { connect, DatabaseError, PgError } from "../../mod.ts";
import type { Block } from "./blocks.ts";
import { instrument, type Program } from "./instrument.ts";
import type { Playground } from "./playground.ts";
import { matches, show } from "./show.ts";

/** The repository, or the directory that stands in for it when the npm package is tested. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** `.ts`, or `.js` where everything is compiled. */
const EXTENSION = import.meta.url.slice(-3);

/** The file that an entry point's name stands for. */
export function entryPoint(name: string): string {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
  const path: string | undefined = exports[`.${name.slice("@cornac/pg".length)}`];
  assert.ok(path, `${name} is an entry point`);
  return join(ROOT, path.replace(/\.ts$/, EXTENSION));
}

/**
 * Runs one example against the playground and compares what it states.
 *
 * What it names and does not declare it finds: `db`, a connection; what `module` exports (the module
 * that its comment stands in); what `@cornac/pg` exports.
 */
export async function runBlock(
  block: Block,
  playground: Playground,
  module?: string,
): Promise<void> {
  const program = instrument({ ...block, code: playground.resolve(block.code) });
  const path = join(directory(), `${block.place.replaceAll(/\W+/g, "_")}.mjs`);
  writeFileSync(path, await compile(program, module));
  const report = new Report(program);
  await playground.reset();
  try {
    const { default: example } = await import(pathToFileURL(path).href);
    await playground.within(async () => {
      const db = program.free.has("db") ? await connect() : undefined;
      try {
        await example({ db, $value: report.value, $log: report.log, $throws: report.throws });
      } finally {
        await db?.close();
      }
    });
  } finally {
    rmSync(path);
  }
  report.check();
}

/** Removes what the examples were compiled to. */
export function cleanUp(): void {
  rmSync(directory(), { recursive: true, force: true });
}

/** Within the project, so that the examples' imports find what the project's do. */
export function directory(): string {
  const path = join(ROOT, ".cache", `docs-${process.pid}`);
  mkdirSync(path, { recursive: true });
  return path;
}

async function compile(program: Program, module?: string): Promise<string> {
  const { body, free } = program;
  const given = free.has("db") ? "db, " : "";
  const source = [
    await allImports(program, module),
    `export default async function ({ ${given}$value, $log, $throws }) {`,
    // A block's own console would be mistaken for the test's.
    free.has("console") ? "const console = { log() {} };" : "",
    body,
    "}",
  ].join("\n");
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      verbatimModuleSyntax: false,
    },
  });
  return outputText;
}

/** An example's imports, from the files under test, and those that it leaves out. */
export async function allImports({ imports, free }: Program, module?: string): Promise<string> {
  const taken = new Set<string>();
  const lines = [imports.replaceAll(
    /"(@cornac\/pg[^"]*)"/g,
    (_, name) => JSON.stringify(pathToFileURL(entryPoint(name)).href),
  )];
  for (const path of [module, entryPoint("@cornac/pg")]) {
    if (path === undefined) continue;
    const { href } = pathToFileURL(path);
    const names = Object.keys(await import(href)).filter((name) =>
      free.has(name) && !taken.has(name)
    );
    for (const name of names) taken.add(name);
    if (names.length > 0) {
      lines.push(`import { ${names.join(", ")} } from ${JSON.stringify(href)};`);
    }
  }
  return lines.join("\n");
}

/** The values and errors of an example's watched statements. */
class Report {
  readonly #program: Program;
  readonly #found: string[][];

  constructor(program: Program) {
    this.#program = program;
    this.#found = program.expectations.map(() => []);
  }

  readonly value = (id: number, value: unknown): void => {
    this.#found[id]!.push(show(value));
  };

  readonly log = (id: number) => (...values: unknown[]): void => {
    const texts = values.map((value) => typeof value === "string" ? value : show(value));
    this.#found[id]!.push(texts.join(" "));
  };

  readonly throws = async (id: number, body: () => Promise<unknown>): Promise<void> => {
    try {
      await body();
      this.#found[id]!.push("nothing was thrown");
    } catch (error) {
      this.#found[id]!.push(showError(error));
    }
  };

  check(): void {
    for (const [id, { line, text }] of this.#program.expectations.entries()) {
      const actual = this.#found[id]!.join(", ");
      assert.ok(matches(actual, text), `line ${line} says\n  ${text}\nand it is\n  ${actual}`);
    }
  }
}

/** `ProgrammingError 42P01: relation "x" does not exist`. */
function showError(error: unknown): string {
  if (!(error instanceof Error)) return show(error);
  const code = error instanceof DatabaseError || error instanceof PgError ? error.code : undefined;
  return `${error.name}${code ? ` ${code}` : ""}: ${error.message}`;
}
