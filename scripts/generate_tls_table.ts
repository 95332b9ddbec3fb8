/**
 * Writes the table of docs/tls.md, TLS by runtime, from the table that the tests check on each runtime.
 *
 *     deno run -A scripts/generate_tls_table.ts            # writes the page
 *     deno run -A scripts/generate_tls_table.ts --check    # fails when it is not up to date
 */
import process from "node:process";
import { ABILITIES, RUNTIMES } from "../tests/server/tls_table.ts";
import { markdownTable, update } from "./generate_parameter_table.ts";

/** The table in Markdown, with what is refused and why below it. */
export function tlsTable(): string {
  const notes: string[] = [];
  const rows = Object.values(ABILITIES).map(({ what, refused = {} }) => [
    what,
    ...RUNTIMES.map((runtime) => {
      const message = refused[runtime];
      if (message === undefined) return "works";
      if (!notes.includes(message)) notes.push(message);
      return `refused (${notes.indexOf(message) + 1})`;
    }),
  ]);
  const list = notes.map((message, i) => `${i + 1}. ${message}.\n`).join("");
  return `${markdownTable(["", ...RUNTIMES], rows)}\n${list}`;
}

if (import.meta.main) process.exitCode = update("tls", tlsTable());
