/**
 * Writes the table of the pool's options in docs/pool.md from their declaration.
 *
 *     deno run -A scripts/generate_pool_table.ts            # writes the page
 *     deno run -A scripts/generate_pool_table.ts --check    # fails when it is not up to date
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { markdownTable, update } from "./generate_parameter_table.ts";

/** An option as it is declared. */
export interface PoolOption {
  readonly name: string;
  /** The first paragraph of its comment, without the default. */
  readonly meaning: string;
  /** The default that the comment states. */
  readonly fallback: string;
}

/** The options in the order of their declaration. */
export function declaredOptions(): PoolOption[] {
  const module = fileURLToPath(new URL("../src/pool/options.ts", import.meta.url));
  // The npm package has the declarations beside the JavaScript.
  const path = module.replace(/\.js$/, ".d.ts");
  const file = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);
  const declaration = file.statements.find((node): node is ts.InterfaceDeclaration =>
    ts.isInterfaceDeclaration(node) && node.name.text === "PoolOptions"
  );
  return declaration!.members.map((member) => {
    const [comment] = ts.getJSDocCommentsAndTags(member);
    const text = (comment as ts.JSDoc).comment as string;
    const [paragraph] = text.split(/\n\s*\n/);
    const [meaning, fallback = ""] = paragraph!.replace(/\s+/g, " ").split(/ Default:? /);
    const name = (member.name as ts.Identifier).text;
    return { name, meaning: meaning!, fallback: fallback.replace(/\.$/, "") };
  });
}

/** The table in Markdown, laid out as the formatter leaves it. */
export function poolTable(): string {
  const rows = declaredOptions().map(({ name, fallback, meaning }) => [
    `\`${name}\``,
    /^\d+$/.test(fallback) ? `\`${fallback}\`` : fallback,
    meaning.replaceAll("|", "\\|"),
  ]);
  return markdownTable(["option", "default", "meaning"], rows);
}

if (import.meta.main) process.exitCode = update("pool", poolTable());
