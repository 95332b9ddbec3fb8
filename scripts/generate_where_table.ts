/**
 * Writes README's table "where it runs" from the outcomes that `deno task bundles --record` has
 * recorded in scripts/where_it_runs.json.
 *
 *     deno run -A scripts/generate_where_table.ts            # writes the page
 *     deno run -A scripts/generate_where_table.ts --check    # fails when it is not up to date
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { between, markdownTable, rewrite } from "./generate_parameter_table.ts";

type Outcomes = Readonly<Record<string, Readonly<Record<string, boolean>>>>;

/** The columns, by the names of the outcomes. */
const COLUMNS: readonly string[] = ["TCP", "TLS", "Unix", "cancel", "COPY", "LISTEN", "pool"];

/** The rows, in their order. */
const ROWS: readonly string[] = ["Deno", "Bun", "Node 20", "Node 24"]
  .concat("Cloudflare Workers", "Browsers", "PGlite, in process");

/** Cells where yes or no says too little. Each begins with the outcome that it goes with. */
const REMARKS: Readonly<Record<string, string>> = {
  "Cloudflare Workers TLS": "yes, to public authorities",
  "Cloudflare Workers pool": "yes, within a request",
  "Browsers TCP": "no: [WebSocket](docs/websocket.md)",
  "Browsers TLS": "no: the WebSocket's",
  "PGlite, in process pool": "yes, of one",
};

/** The table in Markdown, laid out as the formatter leaves it. */
export function whereTable(): string {
  const path = fileURLToPath(new URL("where_it_runs.json", import.meta.url));
  const outcomes: Outcomes = JSON.parse(readFileSync(path, "utf8"));
  const rows = ROWS.map((name) => [
    name,
    ...COLUMNS.map((column) => cell(`${name} ${column}`, outcomes[name]![column])),
  ]);
  return markdownTable(["", ...COLUMNS], rows);
}

function cell(place: string, outcome: boolean | undefined): string {
  if (outcome === undefined) return "";
  const word = outcome ? "yes" : "no";
  const remark = REMARKS[place];
  return remark?.startsWith(word) ? remark : word;
}

if (import.meta.main) {
  process.exitCode = rewrite("README.md", (text) => between(text, "where", whereTable()));
}
