/**
 * The custom settings (`app.user`) that `onConnect` has made. `pg_settings` does not list them, so
 * their names are read from the texts that were run. Source: guc.c, add_placeholder_variable,
 * GUC_NO_SHOW_ALL.
 */
import { Lexer, type TokenKind } from "../query/lexer.ts";

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

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
  const tokens = tokensOf(text);
  for (const [at, { text: word }] of tokens.entries()) {
    const isFirst = at === 0 || tokens[at - 1]!.text === ";";
    if (isFirst && word !== ";" && !PLAIN.has(word)) return undefined;
    if (word === "from") return undefined;
    if (isFirst && word === "set") names.push(...settingAfter(tokens, at + 1));
    if (tokens[at + 1]?.text !== "(" || tokens[at]!.kind !== "word") continue;
    const argument = tokens[at + 2];
    if (word !== "set_config" || !/^'[\w.]+'$/.test(argument?.text ?? "")) return undefined;
    names.push(argument!.text.slice(1, -1));
  }
  return names.filter((name) => name.includes("."));
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const lexer = new Lexer(text); lexer.next();) {
    const { kind } = lexer;
    if (kind === "space" || kind === "comment") continue;
    const token = text.slice(lexer.start, lexer.end);
    tokens.push({ kind, text: kind === "word" ? token.toLowerCase() : token });
  }
  return tokens;
}

/** Returns the name behind SET, whose parts are separate tokens. */
function settingAfter(tokens: readonly Token[], from: number): string[] {
  const at = /^(?:session|local)$/.test(tokens[from]?.text ?? "") ? from + 1 : from;
  if (tokens[at + 1]?.text !== ".") return [];
  const parts = [tokens[at]!.text, tokens[at + 2]?.text ?? ""];
  return [parts.map((part) => part.replace(/^"(.*)"$/, "$1")).join(".")];
}
