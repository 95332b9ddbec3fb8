/**
 * The queries after which a session needs no cleaning: reads of plain tables by PostgreSQL's own
 * functions, which cannot change a session. A text alone does not show this, since a name may stand for
 * a view, a table with policies, or a function of the user. So the catalogue is asked, once for a text
 * that repeats, whether any object bears one of its names and could run such code.
 */
import { Lexer } from "../query/lexer.ts";
import { quoteLiteral } from "../query/quote.ts";
import type { TextRows } from "./own_query.ts";
import { isPlainRead } from "./session_sql.ts";

/** The milliseconds after which the catalogue is asked again: another session may have made a view. */
const LIFETIME = 300_000;
/** The number of texts that are remembered. */
const REMEMBERED = 1000;
/** The longest text that is examined, in characters. */
const LONGEST = 10_000;

/** The words that begin a read. */
const READS: ReadonlySet<string> = new Set(["select", "values", "table", "with"]);
/** Words of texts that write, lock rows, or run other code. */
const WRITES =
  /^(?:insert|update|delete|merge|into|call|do|execute|copy|explain|set|returning|share)$/;

/** The knowledge about one text. */
interface Known {
  /** The names and operators in the text; `undefined` if it is not a read. */
  readonly names: Names | undefined;
  /** How often the text was run before the catalogue was asked. */
  runs: number;
  /** The answer of the catalogue, and its time; `undefined` before. */
  answer: { readonly isPlain: boolean; readonly at: number } | undefined;
  isAsking: boolean;
}

interface Names {
  readonly names: readonly string[];
  readonly operators: readonly string[];
}

/** The session that is asked. */
export interface Catalogue {
  /** Whether a query of the pool's own can go in front of the next request. */
  readonly isFree: boolean;
  /** Runs a query of the pool's own. */
  ownQuery(text: string): Promise<TextRows>;
}

/** The reads that a pool has examined; one for all of its connections. */
export class PlainReads {
  readonly #known = new Map<string, Known>();

  /**
   * Reports whether the text is known to leave its session as it was. `catalogue` is used when a text
   * has repeated.
   */
  isPlain(text: string, catalogue: Catalogue): boolean {
    const known = this.#of(text);
    if (known.names === undefined) return false;
    const { answer } = known;
    if (answer !== undefined && performance.now() - answer.at < LIFETIME) return answer.isPlain;
    if (++known.runs > 1 && !known.isAsking && catalogue.isFree) void this.#ask(known, catalogue);
    return false;
  }

  /** Forgets all answers: the objects of the database have changed. */
  forget(): void {
    this.#known.clear();
  }

  #of(text: string): Known {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    const added = { names: namesOf(text), runs: 0, answer: undefined, isAsking: false };
    this.#known.set(text, added);
    return added;
  }

  async #ask(known: Known, catalogue: Catalogue): Promise<void> {
    const { names, operators } = known.names!;
    known.isAsking = true;
    try {
      const query = isPlainRead(arrayLiteral(names), arrayLiteral(operators));
      const isPlain = (await catalogue.ownQuery(query))[0]?.[0] === "t";
      known.answer = { isPlain, at: performance.now() };
    } catch {
      // A role that may not read the catalogue, or a lost connection: the session is cleaned.
      known.answer = { isPlain: false, at: performance.now() };
    } finally {
      known.isAsking = false;
    }
  }
}

/** Returns the names and operators in a read of one statement; `undefined` for any other text. */
export function namesOf(text: string): Names | undefined {
  if (text.length > LONGEST) return undefined;
  const names = new Set<string>();
  const operators = new Set<string>();
  let operator = "";
  let isFirst = true;
  for (const lexer = new Lexer(text, true); lexer.next();) {
    const { kind } = lexer;
    const token = text.slice(lexer.start, lexer.end);
    if (kind === "symbol" && OPERATOR.test(token)) operator += token;
    else if (operator !== "") {
      operators.add(operator);
      operator = "";
    }
    if (kind === "word") {
      const word = token.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
      if (isFirst && !READS.has(word) || WRITES.test(word)) return undefined;
      names.add(word);
    } else if (kind === "quoted") {
      if (!token.startsWith('"')) return undefined; // U&"…"
      names.add(token.slice(1, -1).replaceAll('""', '"'));
    } else if (token === ";") return undefined;
    if (kind !== "space" && kind !== "comment" && token !== "(") isFirst = false;
  }
  if (operator !== "") operators.add(operator);
  if (isFirst) return undefined;
  return { names: [...names], operators: [...operators] };
}

function arrayLiteral(items: readonly string[]): string {
  return quoteLiteral(`{${items.map((item) => `"${item.replace(/["\\]/g, "\\$&")}"`).join(",")}}`);
}

/** The characters of operators. Source: manual, "Operators" in "Lexical Structure". */
const OPERATOR = /^[-+*/<>=~!@#%^&|`?]$/;
