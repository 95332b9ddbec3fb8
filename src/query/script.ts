/** Texts of several statements, which only the simple protocol runs. */
import { Lexer } from "./lexer.ts";

/**
 * Reports whether a text has something behind a semicolon. That is so for each text of several
 * statements, and for some of one (a function with `BEGIN ATOMIC`), which the simple protocol runs as
 * well.
 */
export function isScript(text: string): boolean {
  const first = text.indexOf(";");
  if (first < 0 || /^[;\s]*$/.test(text.slice(first))) return false;
  let isBehind = false;
  for (const lexer = new Lexer(text); lexer.next();) {
    const { kind, start } = lexer;
    if (kind === "space" || kind === "comment") continue;
    if (text[start] === ";") isBehind = true;
    else if (isBehind) return true;
  }
  return false;
}
