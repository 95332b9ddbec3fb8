/** The statements of a text, as their tokens. */
import { Lexer, type TokenKind } from "../query/lexer.ts";

/** A token of SQL; a word is in lower case. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** Returns the statements of a text without spaces and comments, and without empty statements. */
export function statementsOf(text: string): Token[][] {
  const statements: Token[][] = [[]];
  for (const lexer = new Lexer(text); lexer.next();) {
    const { kind } = lexer;
    if (kind === "space" || kind === "comment") continue;
    const token = text.slice(lexer.start, lexer.end);
    if (token === ";") statements.push([]);
    else statements.at(-1)!.push({ kind, text: kind === "word" ? token.toLowerCase() : token });
  }
  return statements.filter((tokens) => tokens.length > 0);
}
