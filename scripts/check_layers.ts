/**
 * Enforces what ARCHITECTURE.md and CONTRIBUTING.md claim of the source tree: who imports whom,
 * where runtimes are named, how large files and functions may grow, and which words comments and
 * pages avoid. Prints `file:line: rule: message` for each violation and exits 1 when there are any.
 *
 *     deno task layers [start of a path …]    # only what is wrong in these paths
 *
 * `tests/unit/layers.test.ts` plants a violation of each rule and expects it to be reported.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import ts from "typescript";
import { checkCircles } from "./layers/circles.ts";
import { checkImportMap, checkImports, checkReach } from "./layers/imports.ts";
import { checkShape, functionLengths } from "./layers/shape.ts";
import { checkSyntax } from "./layers/syntax.ts";
import { checkWords } from "./layers/words.ts";

/** One broken rule: where, which, and what to do about it. */
export interface Violation {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** A parsed file and how a rule reports on it. */
export interface Subject {
  /** Path from the root of the repository, with `/`. */
  readonly file: string;
  readonly text: string;
  readonly source: ts.SourceFile;
  report(at: ts.Node | number, rule: string, message: string): void;
}

/**
 * Checks a tree given as path → text: `.ts` files by all rules, `deno.json` for its import map, and
 * pages for their words. Returns what is broken: first by file in the order of the paths, then what
 * concerns several files.
 */
export function checkTree(files: ReadonlyMap<string, string>): Violation[] {
  const violations: Violation[] = [];
  const subjects = new Map<string, Subject>();
  for (const [file, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (file === "deno.json") checkImportMap(text, violations);
    checkWords(file, text, violations);
    if (!file.endsWith(".ts")) continue;
    const subject = parse(file, text, violations);
    subjects.set(file, subject);
    checkImports(subject);
    checkShape(subject);
    checkSyntax(subject);
  }
  checkCircles(subjects);
  checkReach(subjects);
  return violations;
}

function parse(file: string, text: string, violations: Violation[]): Subject {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  return {
    file,
    text,
    source,
    report(at, rule, message) {
      const line = typeof at === "number"
        ? at
        : source.getLineAndCharacterOfPosition(at.getStart(source)).line + 1;
      violations.push({ file, line, rule, message });
    },
  };
}

const FOLDERS = [".ci", ".github", "src", "tests", "scripts", "bench", "examples", "docs"];
const READ = /(\.(ts|md|yml)|^deno\.json|^\.ci\/run)$/;

/** Reads the files that {@linkcode checkTree} looks at from the repository at `root`. */
export function readTree(root: string): Map<string, string> {
  const files = new Map<string, string>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && (folder !== "" || FOLDERS.includes(path))) walk(path);
      else if (READ.test(path)) files.set(path, readFileSync(join(root, path), "utf8"));
    }
  };
  walk("");
  return files;
}

/** The median length of functions in `src/`: under ten lines is wanted, and printed, not enforced. */
function medianFunction(files: ReadonlyMap<string, string>): number {
  const lengths = [...files]
    .filter(([file]) => file.startsWith("src/"))
    .flatMap(([file, text]) => functionLengths(parse(file, text, []).source))
    .sort((a, b) => a - b);
  return lengths[lengths.length >> 1] ?? 0;
}

if (import.meta.main) {
  const files = readTree(join(import.meta.dirname ?? ".", ".."));
  const named = process.argv.slice(2);
  const violations = checkTree(files)
    .filter(({ file }) => named.length === 0 || named.some((start) => file.startsWith(start)));
  for (const { file, line, rule, message } of violations) {
    process.stdout.write(`${file}:${line}: ${rule}: ${message}\n`);
  }
  const count = `${files.size} files, ${violations.length} violations`;
  process.stdout.write(`${count}; src: median function ${medianFunction(files)} lines\n`);
  if (violations.length > 0) process.exitCode = 1;
}
