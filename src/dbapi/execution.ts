import { InterfaceError } from "../errors/errors.ts";
import type { Result } from "../query/result.ts";
import { inOriginal, type Rewritten } from "../query/rewritten.ts";
import type { ExecutionHost, Outcome } from "./execution_host.ts";
import { statementWords } from "./statement_words.ts";

/**
 * Runs a text as it is, by the simple protocol, which allows several statements. A statement that
 * begins a transaction goes by the extended protocol if that does the same, because a simple query
 * would have to wait for BEGIN.
 */
export function executeText(
  host: ExecutionHost,
  text: string,
  begins: boolean,
): Promise<Outcome> {
  return host.run(async () => {
    if (host.begins && isPlainStatement(text)) {
      const options = { ...ARRAYS, prepare: false };
      const result = await host.db.query<unknown[]>(text, [], options).execute();
      return judge(host, text, [result]);
    }
    const results = await host.db.query<unknown[]>(text, [], ARRAYS).simple().all();
    return judge(host, text, results);
  }, begins);
}

/** Runs one statement with parameters in the places of `$1`, `$2`, … */
export function executeStatement(
  host: ExecutionHost,
  scanned: Rewritten,
  values: readonly unknown[],
  parameterTypes: readonly number[],
  begins: boolean,
): Promise<Outcome> {
  const { text } = scanned;
  return runRewritten(host, scanned, begins, async () => {
    const options = { ...ARRAYS, parameterTypes };
    // Awaiting alone would send it a microtask later, behind a text that is made after it.
    const result = await host.db.query<unknown[]>(text, host.adapt(values), options).execute();
    return judge(host, text, [result]);
  });
}

/** Runs one statement with each set of values, in one round trip and one transaction. */
export function executeSets(
  host: ExecutionHost,
  scanned: Rewritten,
  sets: readonly (readonly unknown[])[],
  parameterTypes: readonly number[],
): Promise<Outcome> {
  const { text } = scanned;
  return runRewritten(host, scanned, true, async () => {
    const options = { ...ARRAYS, parameterTypes };
    const adapted = sets.map((values) => host.adapt(values));
    const result = await host.db.executeMany<unknown[]>(text, adapted, options);
    return judge(host, text, [result]);
  });
}

/** Runs `work` like `host.run()`; positions in errors count in the caller's text. */
export async function runRewritten<T>(
  host: ExecutionHost,
  scanned: Rewritten,
  begins: boolean,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await host.run(work, begins);
  } catch (error) {
    throw inOriginal(error, scanned);
  }
}

/**
 * Returns the results of the statements of `text` as one.
 *
 * @throws {InterfaceError} a COMMIT or PREPARE TRANSACTION was answered by ROLLBACK.
 */
export function judge(
  host: ExecutionHost,
  text: string,
  results: readonly Result<unknown[]>[],
): Outcome {
  refuseRollback(host, text, results);
  let rowCount = -1;
  let columns: Result["columns"] | null = null;
  let rows: unknown[][] | null = null;
  for (const result of results) {
    if (result.rowCount >= 0) rowCount = Math.max(rowCount, 0) + result.rowCount;
    // A select of no columns has rows; CREATE TABLE AS has the same tag and none.
    if (result.columns.length === 0 && result.length === 0) continue;
    columns = result.columns;
    rows = rows === null ? result.slice() : rows.concat(result);
  }
  return { columns, rows, rowCount };
}

const ARRAYS = { rows: "array" } as const;

/**
 * Reports whether both protocols do the same with a text: it is one statement, not a COPY, contains
 * nothing that looks like a parameter, and no rule can add rows to it. The server sends the rows of
 * rules by the simple protocol alone. Source: pquery.c, `PortalRunMulti`.
 */
function isPlainStatement(text: string): boolean {
  const [word, ...more] = statementWords(text);
  return word !== undefined && !ONLY_SIMPLE.has(word) && more.length === 0 && !text.includes("$");
}

const ONLY_SIMPLE: ReadonlySet<string> = new Set([
  "COPY",
  "INSERT",
  "UPDATE",
  "DELETE",
  "WITH",
  "EXECUTE",
]);

/**
 * Refuses a COMMIT that the server has answered by rolling back, as it does in a failed
 * transaction. The command tag is the only sign of that. Source: manual, COMMIT; xact.c,
 * `EndTransactionBlock`.
 */
function refuseRollback(
  host: ExecutionHost,
  text: string,
  results: readonly Result<unknown[]>[],
): void {
  if (!results.some(isRollback)) return;
  const words = statementWords(text);
  const wanted = (i: number): boolean =>
    words.length === results.length ? ROLLS_BACK.has(words[i]!) : words.some(rollsBack);
  if (results.every((result, i) => !isRollback(result) || wanted(i))) return;
  const { firstFailure: cause } = host;
  throw new InterfaceError(
    "in failed transaction block: the server has rolled the transaction back",
    { code: "25P02", ...(cause === undefined ? {} : { cause }) },
  );
}

const ROLLS_BACK: ReadonlySet<string> = new Set(["ROLLBACK", "ABORT"]);

function rollsBack(word: string): boolean {
  return ROLLS_BACK.has(word);
}

function isRollback(result: Result<unknown>): boolean {
  return result.command === "ROLLBACK";
}
