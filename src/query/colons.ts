/**
 * Colons that belong to SQL itself: between the bounds of a slice (`a[y :x]`) and between key and value
 * in a JSON constructor (`json_object('k':x)`). Directly within such brackets or parentheses, a colon
 * after an operand is SQL's. A colon after another colon, an operator, a keyword, a comma or the
 * opening bracket begins a parameter.
 *
 * Source: gram.y, indirection_el, json_name_and_value; kwlist.h.
 */
import type { Lexer } from "./lexer.ts";

/** An open bracket or parenthesis. In `"colons"` a colon after an operand is SQL's. */
type Opened = "colons" | "operator" | "plain";

/** Tracks the brackets and operands that a lexer has passed. */
export class Colons {
  readonly #open: Opened[] = [];
  /** The last token that is neither space nor comment, in lower case. */
  #before = "";
  #isAfterOperand = false;

  /** Whether a colon at this position is SQL's own. */
  get isOwn(): boolean {
    return this.#open.at(-1) === "colons" && this.#isAfterOperand;
  }

  /** Records the lexer's token, or the parameter that was found in its place. */
  pass({ kind, text, start, end }: Lexer, isParameter: boolean): void {
    if (kind === "space" || kind === "comment") return;
    const token = text.slice(start, end).toLowerCase();
    const isAfterOperand = isParameter || this.#isOperand(kind, token);
    if (token === "[") this.#open.push("colons");
    else if (token === "(") this.#open.push(OPENED.get(this.#before) ?? "plain");
    else if (token === "]" || token === ")") this.#open.pop();
    this.#before = token;
    this.#isAfterOperand = isAfterOperand;
  }

  /** Reports whether a token ends an operand. */
  #isOperand(kind: Lexer["kind"], token: string): boolean {
    if (kind === "symbol") {
      return token === "]" || token === ")" && this.#open.at(-1) !== "operator";
    }
    // After an operand it is the keyword of json_object(k value v), elsewhere the name of a column.
    if (token === "value") return !this.#isAfterOperand;
    return kind !== "word" || !BEFORE_OPERANDS.has(token);
  }
}

/** The words before a parenthesis that decide about the colons in it. */
const OPENED: ReadonlyMap<string, Opened> = new Map<string, Opened>([
  ["json_object", "colons"],
  ["json_objectagg", "colons"],
  ["operator", "operator"],
]);

/** The keywords that an operand follows and that cannot end an operand. */
const BEFORE_OPERANDS: ReadonlySet<string> = new Set([
  ...["all", "and", "any", "array", "asymmetric", "between", "case", "collate", "distinct", "else"],
  ...["from", "ilike", "in", "is", "like", "not", "or", "select", "similar", "some", "symmetric"],
  ...["then", "to", "unique", "when"],
]);
