/**
 * Whether what a text does may be committed in parts: then a failure of its end does not undo its
 * beginning. Source: manual, "Transaction Management" of PL/pgSQL, and the pages of the commands.
 */
import { Lexer } from "./lexer.ts";

/** Commands that end transactions, and commands that commit by themselves while they run. */
const COMMITTING: ReadonlySet<string> = new Set([
  ...["CALL", "DO", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE"],
  ...["VACUUM", "ANALYZE", "ANALYSE", "CLUSTER", "REINDEX", "REPACK", "CONCURRENTLY"],
]);

/**
 * Reports whether a text has a command that commits. CONCURRENTLY counts wherever it stands; the
 * others as the first word of a statement.
 */
export function mayCommit(text: string, backslashes: boolean): boolean {
  let isFirst = true;
  for (const lexer = new Lexer(text, backslashes); lexer.next();) {
    const { kind } = lexer;
    if (kind === "space" || kind === "comment") continue;
    const token = text.slice(lexer.start, lexer.end).toUpperCase();
    if (kind === "word" && COMMITTING.has(token) && (isFirst || token === "CONCURRENTLY")) {
      return true;
    }
    isFirst = token === ";";
  }
  return false;
}

/** Reports whether a command tag says that a transaction has ended. */
export function endsTransaction(tag: string): boolean {
  return /^(?:COMMIT|ROLLBACK|PREPARE TRANSACTION)\b/.test(tag);
}
