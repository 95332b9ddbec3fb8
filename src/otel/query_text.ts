/** The text of a query as spans show it. */
import { Lexer } from "../query/lexer.ts";

/** The length, in UTF-16 units, after which a text is cut. */
const LONGEST_TEXT = 16_384;

/**
 * Returns a text with `?` in place of its literals. The driver's parameters are not in the text, but
 * a text that was put together by hand, or run by `simple()`, contains its values. Comments can
 * contain values as well and are left out. With `standard_conforming_strings` off, `\'` in a plain
 * literal is read as its end; what follows is read as code. Therefore a text with a backslash in a plain
 * literal is cut at this literal.
 */
export function sanitizedText(text: string): string {
  const pieces: string[] = [];
  for (const lexer = new Lexer(text.slice(0, LONGEST_TEXT)); lexer.next();) {
    const piece = lexer.text.slice(lexer.start, lexer.end);
    if (lexer.kind === "comment") pieces.push(" ");
    else if (lexer.kind !== "string" && lexer.kind !== "number") pieces.push(piece);
    else {
      pieces.push("?");
      if (/^[^eE$][^]*\\/.test(piece)) return pieces.join("") + " …";
    }
  }
  return pieces.join("").trim() + (text.length > LONGEST_TEXT ? " …" : "");
}

/** Returns a text, cut after 16,384 characters. */
export function cutText(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)} …` : text;
}
