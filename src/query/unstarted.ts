/**
 * Queries that were made and never started. A query without `await` is not sent, and so has no effect.
 * A transaction that ends with such a query is an error.
 */
import { InterfaceError } from "../errors/errors.ts";
import { Lexer } from "./lexer.ts";

/** A query that is sent when it is awaited. */
export interface Startable {
  /** The text, and whether it is certain that it is no part of another query. */
  readonly made: { readonly text: string; readonly isWhole: boolean };
}

/** The queries of one transaction that have not started. */
export class Unstarted {
  readonly #queries = new Set<Startable>();

  /** Adds a query that was made. */
  add(query: Startable): void {
    this.#queries.add(query);
  }

  /** Removes a query that is started, put into another or cancelled. */
  delete(query: Startable): void {
    this.#queries.delete(query);
  }

  /** Returns the error for the queries that are left, or `undefined`. */
  error(): InterfaceError | undefined {
    if (this.#queries.size === 0) return undefined;
    const texts: string[] = [];
    for (const { made: { text, isWhole } } of this.#queries) {
      if (isWhole || isStatement(text)) texts.push(text);
    }
    this.#queries.clear();
    if (texts.length === 0) return undefined;
    const named = texts.slice(0, NAMED).map((text) => `"${outline(text)}"`).join(", ");
    const more = texts.length > NAMED ? " and more" : "";
    const were = texts.length === 1 ? "1 query was" : `${texts.length} queries were`;
    return new InterfaceError(
      `${were} made in the transaction and never awaited, and so not run: ${named}${more}; ` +
        "the transaction was rolled back",
    );
  }
}

/** The number of queries that an error names. */
const NAMED = 3;
/** The length of each in an error, in characters. */
const SHOWN = 60;

/** Returns the start of a statement on one line, without its strings, which may be secret. */
function outline(text: string): string {
  let line = "";
  for (const lexer = new Lexer(text.slice(0, 10 * SHOWN)); lexer.next();) {
    const { kind, start, end } = lexer;
    if (kind === "string") line += "'…'";
    else if (kind !== "space" && kind !== "comment") line += text.slice(start, end);
    else if (line !== "" && !line.endsWith(" ")) line += " ";
    if (line.length > SHOWN) return `${line.slice(0, SHOWN)}…`;
  }
  return line.trimEnd();
}

/** Reports whether a text begins as a statement does, and not as a part of one. */
function isStatement(text: string): boolean {
  for (const lexer = new Lexer(text); lexer.next();) {
    if (lexer.kind === "space" || lexer.kind === "comment" || text[lexer.start] === "(") continue;
    return COMMANDS.has(text.slice(lexer.start, lexer.end).toLowerCase());
  }
  return false;
}

/** The first words of statements. Source: manual, "SQL Commands". */
const COMMANDS: ReadonlySet<string> = new Set([
  ...["abort", "alter", "analyze", "begin", "call", "checkpoint", "close", "cluster", "comment"],
  ...[
    "commit",
    "copy",
    "create",
    "deallocate",
    "declare",
    "delete",
    "discard",
    "do",
    "drop",
    "end",
  ],
  ...[
    "execute",
    "explain",
    "fetch",
    "grant",
    "import",
    "insert",
    "listen",
    "load",
    "lock",
    "merge",
  ],
  ...["move", "notify", "prepare", "reassign", "refresh", "reindex", "release", "reset", "revoke"],
  ...["rollback", "savepoint", "security", "select", "set", "show", "start", "table", "truncate"],
  ...["unlisten", "update", "vacuum", "values", "with"],
]);
