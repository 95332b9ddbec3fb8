/**
 * The custom settings (`app.user`) that `onConnect` has made. `pg_settings` does not list them, so
 * their names are read from the texts that were run. Source: guc.c, add_placeholder_variable,
 * GUC_NO_SHOW_ALL.
 */
import { statementsOf, type Token } from "./statements.ts";

/** The first words of statements that run no function unless one is called in them. */
const PLAIN: ReadonlySet<string> = new Set([
  "set",
  "reset",
  "show",
  "select",
  "listen",
  "prepare",
  "begin",
  "commit",
]);

/**
 * Returns the names of the custom settings that a text makes, or `undefined` when it may make others:
 * it calls a function, or reads a table or a view.
 */
export function customSettings(text: string): string[] | undefined {
  const names: string[] = [];
  for (const tokens of statementsOf(text)) {
    const first = tokens[0]!.text;
    if (!PLAIN.has(first)) return undefined;
    if (first === "set") names.push(...settingAfter(tokens, 1));
    for (const [at, { kind, text: word }] of tokens.entries()) {
      if (word === "from") return undefined;
      if (tokens[at + 1]?.text !== "(" || kind !== "word") continue;
      const argument = tokens[at + 2]?.text ?? "";
      if (word !== "set_config" || !/^'[\w.]+'$/.test(argument)) return undefined;
      names.push(argument.slice(1, -1));
    }
  }
  return names.filter((name) => name.includes("."));
}

/** Returns the name behind SET, whose parts are separate tokens. */
function settingAfter(tokens: readonly Token[], from: number): string[] {
  const at = /^(?:session|local)$/.test(tokens[from]?.text ?? "") ? from + 1 : from;
  if (tokens[at + 1]?.text !== ".") return [];
  const parts = [tokens[at]!.text, tokens[at + 2]?.text ?? ""];
  return [parts.map((part) => part.replace(/^"(.*)"$/, "$1")).join(".")];
}
