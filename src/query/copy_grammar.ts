/**
 * Finds the COPY statements of a text whose data goes through the client. Source: gram.y, `CopyStmt`:
 * a name or a query in parentheses, columns, FROM or TO, and then STDIN or STDOUT, either of which
 * will do for both ways; PROGRAM or a string stands there for what the server reads and writes.
 */
import { Lexer } from "./lexer.ts";

/** One such COPY. */
export interface ClientCopy {
  readonly direction: "in" | "out";
  /** Whether its data is CSV. */
  readonly isCsv: boolean;
}

/** Returns the COPY statements of a text whose data goes through the client, in order. */
export function clientCopies(text: string, backslashes: boolean = false): ClientCopy[] {
  if (!/copy/i.test(text)) return [];
  return statementsOf(text, backslashes).flatMap((tokens) => clientCopy(tokens) ?? []);
}

/** Returns how a text copies through the client; `undefined`: it is no single such COPY. */
export function copyDirection(
  text: string,
  backslashes?: boolean,
): ClientCopy["direction"] | undefined {
  const [copy, ...more] = clientCopies(text, backslashes);
  return more.length === 0 ? copy?.direction : undefined;
}

/** The tokens of each statement that stand in no parentheses, words in capitals. */
function statementsOf(text: string, backslashes: boolean): string[][] {
  const statements: string[][] = [[]];
  let depth = 0;
  for (const lexer = new Lexer(text, backslashes); lexer.next();) {
    const { kind } = lexer;
    if (kind === "space" || kind === "comment") continue;
    const token = text.slice(lexer.start, lexer.end);
    if (token === ")" && depth > 0) depth--;
    if (token === ";" && depth === 0) statements.push([]);
    else if (depth === 0 || FORMATS.has(token.toLowerCase())) {
      statements.at(-1)!.push(kind === "word" ? token.toUpperCase() : token);
    }
    if (token === "(") depth++;
  }
  return statements;
}

/** Tokens in the parentheses of the options that matter here. */
const FORMATS: ReadonlySet<string> = new Set(["csv", "'csv'", '"csv"']);

function clientCopy(tokens: readonly string[]): ClientCopy | undefined {
  if (tokens[0] !== "COPY") return undefined;
  // Reserved words are names behind a dot: `copy s.from to stdout`.
  const at = tokens.findIndex((token, i) =>
    (token === "FROM" || token === "TO") && tokens[i - 1] !== "."
  );
  const place = tokens[at + 1];
  if (at < 0 || (place !== "STDIN" && place !== "STDOUT")) return undefined;
  const where = tokens.indexOf("WHERE", at);
  const options = tokens.slice(at + 2, where < 0 ? undefined : where);
  const isCsv = options.some((token) => FORMATS.has(token.toLowerCase()));
  return { direction: tokens[at] === "FROM" ? "in" : "out", isCsv };
}
