/**
 * Where SQL has a colon of its own, which is no parameter's: between the bounds of a slice (`a[y :x]`)
 * and between key and value in a JSON constructor (`json_object('k':x)`). Its grammar decides: directly
 * within such brackets or parentheses a colon behind an operand is SQL's, and a colon behind another
 * colon, an operator, a keyword, a comma or the opening bracket begins a parameter.
 *
 * Source: gram.y, indirection_el, json_name_and_value; kwlist.h.
 */
import type { Lexer } from "./lexer.ts";

/** An open bracket or parenthesis: a colon behind an operand in it may be SQL's own, or not. */
type Opened = "colons" | "operator" | "plain";

/** Follows a lexer through a text. */
export class Colons {
  readonly #open: Opened[] = [];
  /** The last token but spaces and comments, in lower case. */
  #before = "";
  #isAfterOperand = false;

  /** Reports whether a colon that follows here is SQL's own. */
  get isOwn(): boolean {
    return this.#open.at(-1) === "colons" && this.#isAfterOperand;
  }

  /** Goes on behind the lexer's token, or behind the parameter that was found in its place. */
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
    // A column may have this name; behind an operand it is the keyword of json_object(k value v).
    if (token === "value") return !this.#isAfterOperand;
    return kind !== "word" || !BEFORE_OPERANDS.has(token);
  }
}

/** Words before a parenthesis that decide about the colons in it. */
const OPENED: ReadonlyMap<string, Opened> = new Map<string, Opened>([
  ["json_object", "colons"],
  ["json_objectagg", "colons"],
  ["operator", "operator"],
]);

/** Keywords that an operand follows, and that no operand ends with. */
const BEFORE_OPERANDS: ReadonlySet<string> = new Set([
  ...["all", "and", "any", "array", "asymmetric", "between", "case", "collate", "distinct", "else"],
  ...["from", "ilike", "in", "is", "like", "not", "or", "select", "similar", "some", "symmetric"],
  ...["then", "to", "unique", "when"],
]);
