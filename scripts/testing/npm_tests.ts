/**
 * The tests as JavaScript beside the built npm package: `.cache/npm-tests/` holds a copy of the package,
 * every test, transpiled, where it was, and in place of each source a module that exports the same names
 * from the package's joined files. So the same relative imports reach what npm's users get, on a Node
 * that cannot read TypeScript too.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import { forwardingAt, type Place, PLACES } from "../npm_chunks.ts";

/**
 * Replaces the directory by one built from `<root>/npm` and returns its path. Modules of src that the package
 * does not hold, because nothing exported needs them, are transpiled as the tests are.
 */
export function buildNpmTests(root: string): string {
  const out = join(root, ".cache", "npm-tests");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  cpSync(join(root, "npm"), out, { recursive: true });
  const places: Record<string, Place> = JSON.parse(readFileSync(join(root, PLACES), "utf8"));
  for (const [path, place] of Object.entries(places)) {
    writeFileSync(join(out, path), forwardingAt(path, place));
  }
  for (const folder of ["tests", "scripts", "src", "examples", "bench"]) {
    transpileAll(root, folder, out);
  }
  for (
    const name of ["deno.json", "README.md", "ARCHITECTURE.md", "PG8000.md", "FAILURES.md", "docs"]
  ) {
    if (existsSync(join(root, name))) {
      cpSync(join(root, name), join(out, name), { recursive: true });
    }
  }
  return out;
}

function transpileAll(root: string, folder: string, out: string): void {
  for (const path of files(join(root, folder))) {
    const target = join(out, relative(root, path));
    const compiled = target.replace(/\.ts$/, ".js");
    if (existsSync(compiled)) continue; // the package's own
    mkdirSync(dirname(target), { recursive: true });
    if (path.endsWith(".ts")) writeFileSync(compiled, transpile(path));
    else cpSync(path, target);
  }
}

function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

/** Modules named by `new URL("….ts", import.meta.url)` move along with the imports. */
function transpile(path: string): string {
  const { outputText } = ts.transpileModule(readFileSync(path, "utf8"), {
    fileName: path,
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  return outputText.replace(/(new URL\(\s*["'][^"']+)\.ts(["'])/g, "$1.js$2");
}
