/**
 * Verifies the user's own types of rows, such as `sql<User>`: whether a variable of that type takes
 * what the statement returns. TypeScript's compiler of the project answers, over copies of the files
 * in which the type's name is wrapped in an assertion.
 */
import type { Workplace } from "../runtime/workplace.ts";
import { lineAt, type SourceFile } from "./sources.ts";
import type { Token } from "./source_tokens.ts";

/** A type of the user's, and the row that must fit it. */
export interface OwnRow {
  readonly path: string;
  readonly line: number;
  readonly tokens: readonly Token[];
  readonly expected: string;
}

/** A type that does not take its rows, and the compiler's words for it. */
export interface Misfit {
  readonly row: OwnRow;
  readonly message: string;
}

/** The result: the misfits, or why nothing could be verified. */
export type Verified = { readonly misfits: readonly Misfit[] } | { readonly unverified: string };

const TSC = "node_modules/typescript/bin/tsc";
const SUFFIX = "_cornac_check";
const ASSERTION = "\ntype CornacRow<Own, Row extends Own> = Own extends unknown ? Own : Row;\n";

/** Verifies rows of one or several files. Files that it makes are removed again. */
export async function verifyRows(
  place: Workplace,
  files: ReadonlyMap<string, SourceFile>,
  rows: readonly OwnRow[],
): Promise<Verified> {
  const compiler = await compilerOf(place);
  if (compiler === undefined) return { unverified: `there is no ${TSC}, and no deno.json` };
  const paths = [...new Set(rows.map(({ path }) => path))];
  const copies = new Map(paths.map((path) => [copyPath(path), path]));
  const project = `tsconfig${SUFFIX}.json`;
  try {
    for (const [copy, path] of copies) {
      const own = rows.filter((row) => row.path === path);
      await place.write(copy, asserted(files.get(path)!.text, own));
    }
    if (compiler.needsProject) {
      await place.write(project, await projectText(place, [...copies.keys()]));
    }
    const { code, output } = await place.run(
      compiler.program,
      compiler.arguments(project, [...copies.keys()]),
    );
    const misfits = misfitsIn(output, rows, files);
    if (code === 127) return { unverified: output };
    return { misfits };
  } finally {
    for (const path of [...copies.keys(), project]) await place.remove(path);
  }
}

interface Compiler {
  readonly program: string;
  readonly needsProject: boolean;
  arguments(project: string, files: readonly string[]): readonly string[];
}

/** The TypeScript of the project; Deno's where there is none. */
async function compilerOf(place: Workplace): Promise<Compiler | undefined> {
  const tsc = await found(place, [TSC]);
  if (tsc !== undefined) {
    return {
      program: "node",
      needsProject: true,
      arguments: (project) => [tsc, "-p", project, "--pretty", "false"],
    };
  }
  if (await found(place, ["deno.json", "deno.jsonc"]) === undefined) return undefined;
  return { program: "deno", needsProject: false, arguments: (_, files) => ["check", ...files] };
}

/** Returns the path of a file, here or in one of the folders around. */
async function found(place: Workplace, names: readonly string[]): Promise<string | undefined> {
  for (const folder of ["", "../", "../../", "../../../", "../../../../"]) {
    for (const name of names) {
      if (await place.changed(folder + name) !== undefined) return folder + name;
    }
  }
  return undefined;
}

async function projectText(place: Workplace, files: readonly string[]): Promise<string> {
  const hasOwn = await place.changed("tsconfig.json") !== undefined;
  return JSON.stringify({
    ...(hasOwn && { extends: "./tsconfig.json" }),
    compilerOptions: {
      ...{ noEmit: true, composite: false, incremental: false, skipLibCheck: true },
      ...(hasOwn ? {} : PLAIN),
      ...{ noUnusedLocals: false, noUnusedParameters: false },
    },
    files,
    include: [],
  });
}

/** The options of a project that has none. */
const PLAIN = {
  ...{ strict: true, module: "nodenext", target: "es2022" },
  ...{ allowImportingTsExtensions: true, types: [] },
};

function copyPath(path: string): string {
  return path.replace(/(\.[cm]?tsx?)$/, `${SUFFIX}$1`);
}

/** Wraps each type in an assertion, which stays on its line. */
function asserted(text: string, rows: readonly OwnRow[]): string {
  let out = text;
  for (const { tokens, expected } of [...rows].sort((a, b) => startOf(b) - startOf(a))) {
    const end = tokens.at(-1)!.end;
    const own = out.slice(startOf({ tokens }), end);
    out = `${out.slice(0, startOf({ tokens }))}CornacRow<${own}, ${expected}>${out.slice(end)}`;
  }
  return out + ASSERTION;
}

function startOf({ tokens }: Pick<OwnRow, "tokens">): number {
  return tokens[0]!.start;
}

/** Finds the errors that are about the assertions: TS2344, "does not satisfy the constraint". */
function misfitsIn(
  output: string,
  rows: readonly OwnRow[],
  files: ReadonlyMap<string, SourceFile>,
): Misfit[] {
  const plain = output.replace(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g"), "");
  return rows.flatMap((row) => {
    const line = lineAt(files.get(row.path)!.text, startOf(row));
    const copy = copyPath(row.path).split("/").at(-1)!;
    const message = tscMessage(plain, copy, line) ?? denoMessage(plain, copy, line);
    return message === undefined ? [] : [{ row, message }];
  });
}

/** `src/users_cornac_check.ts(5,20): error TS2344: …`, with indented lines behind it. */
function tscMessage(output: string, copy: string, line: number): string | undefined {
  const lines = output.split("\n");
  const head = new RegExp(`${escaped(copy)}\\(${line},\\d+\\): error TS2344: (.*)$`);
  const at = lines.findIndex((one) => head.test(one));
  if (at < 0) return undefined;
  let end = at + 1;
  while (/^\s+\S/.test(lines[end] ?? "")) end++;
  return lastReason([head.exec(lines[at]!)![1]!, ...lines.slice(at + 1, end)]);
}

/** `TS2344 [ERROR]: …`, with the URL of the file and the position behind it. */
function denoMessage(output: string, copy: string, line: number): string | undefined {
  for (const block of output.split(/\n(?=TS\d+ \[ERROR\])/)) {
    if (!block.includes("TS2344") || !block.includes(`${copy}:${line}:`)) continue;
    const lines = block.split("\n");
    const end = lines.findIndex((one, i) => i > 0 && /^\s*(?:~|at file:|const |.*sql<)/.test(one));
    return lastReason(
      lines.slice(0, end < 1 ? 1 : end).map((one) => one.replace(/^TS2344 \[ERROR\]: /, "")),
    );
  }
  return undefined;
}

/** The innermost reason is the one that names the property. */
function lastReason(lines: readonly string[]): string {
  const reasons = lines.map((one) => one.trim()).filter((one) => one !== "");
  return reasons.slice(1).join("\n    ") || reasons[0]!;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
