import { Lexer } from "../query/lexer.ts";

/**
 * Returns the first word of each statement of a text, in capitals: `BEGIN`, `SELECT`, or `""` for a
 * statement that begins with something else. Semicolons in parentheses do not end a statement.
 */
export function statementWords(text: string): string[] {
  const words: string[] = [];
  let depth = 0;
  let first = true;
  for (const lexer = new Lexer(text); lexer.next();) {
    const { kind } = lexer;
    if (kind === "space" || kind === "comment") continue;
    const token = text.slice(lexer.start, lexer.end);
    if (token === "(") depth++;
    else if (token === ")") depth--;
    if (token === ";" && depth === 0) first = true;
    else if (first) {
      words.push(kind === "word" ? token.toUpperCase() : "");
      first = false;
    }
  }
  return words;
}
