/**
 * Writes the table of docs/parameters.md from the table that the driver itself works by.
 *
 *     deno run -A scripts/generate_parameter_table.ts            # writes the page
 *     deno run -A scripts/generate_parameter_table.ts --check    # fails when it is not up to date
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Parameter, PARAMETERS } from "../src/config/parameters.ts";
import { DIFFERENCES } from "./parameter_differences.ts";

/** Whether the driver does what libpq does with a parameter. */
export type Standing = "same" | "differs" | "refused";

/** How a parameter stands, in a word and in a phrase that begins with it. */
export function standingOf(
  { keyword, harmless, remark = DIFFERENCES[keyword] }: Parameter,
): { standing: Standing; how: string } {
  if (remark === undefined) return { standing: "same", how: "same" };
  if (harmless === undefined) return { standing: "differs", how: `differs: ${remark}` };
  const nothing = harmless.map((value) => `\`${value}\``).join(" and ");
  const verb = harmless.length > 1 ? "ask" : "asks";
  const allowed = harmless.length === 0 ? "" : `; ${nothing} ${verb} for nothing`;
  return { standing: "refused", how: `refused: ${remark}${allowed}` };
}

/** The table in Markdown, laid out as the formatter leaves it. */
export function parameterTable(): string {
  return markdownTable(["libpq", "option", "environment", "compared with libpq"], [
    ...PARAMETERS.map((row) => [
      code(row.keyword),
      code(row.option),
      code(row.env),
      standingOf(row).how,
    ]),
  ]);
}

/** Rows as a Markdown table with aligned columns. */
export function markdownTable(head: readonly string[], rows: readonly string[][]): string {
  const widths = head.map((cell, i) =>
    Math.max(...[head, ...rows].map((row) => row[i]!.length), cell.length)
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |\n`;
  const rule = widths.map((width) => "-".repeat(width));
  return [head, rule, ...rows].map(line).join("");
}

/** The text with `table` between the markers named `name`. */
export function between(text: string, name: string, table: string): string {
  const opening = `<!-- begin: ${name} -->`;
  const begin = text.indexOf(opening);
  const end = text.indexOf(`<!-- end: ${name} -->`, begin);
  if (begin < 0 || end < 0) throw new Error(`no ${opening} and its end`);
  return `${text.slice(0, begin)}${opening}\n\n${table}\n${text.slice(end)}`;
}

/** Writes the table of `docs/<name>.md`, or with `--check` only compares; the process's exit code. */
export function update(name: string, table: string): number {
  return rewrite(`docs/${name}.md`, (text) => between(text, name, table));
}

/** Rewrites a file, or with `--check` only compares; the process's exit code. */
export function rewrite(file: string, change: (text: string) => string): number {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const before = readFileSync(path, "utf8");
  const after = change(before);
  if (before === after) return 0;
  if (!process.argv.includes("--check")) {
    writeFileSync(path, after);
    return 0;
  }
  process.stderr.write(`${file} is not up to date: run this script\n`);
  return 1;
}

function code(text: string | undefined): string {
  return text === undefined ? "" : `\`${text}\``;
}

if (import.meta.main) process.exitCode = update("parameters", parameterTable());
