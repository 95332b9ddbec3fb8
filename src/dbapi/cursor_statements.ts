/** The statements of a cursor, from the caller's text and arguments to their execution. */
import { type Arguments, hasArguments, type ParamStyle } from "./arguments.ts";
import * as callSql from "./call_sql.ts";
import { executeStatement, executeText } from "./execution.ts";
import type { ExecutionHost, Outcome } from "./execution_host.ts";
import { type InputSize, typeOids } from "./input_sizes.ts";
import { bindArguments, type ScannedText, scanText } from "./paramstyle.ts";

/** A text, the style of its parameters, and the types of its arguments, in their order. */
export interface CursorStatement {
  readonly operation: string;
  readonly paramstyle: ParamStyle;
  readonly sizes: readonly InputSize[];
}

/** A statement with several sets of values. */
export interface BoundSets {
  readonly scanned: ScannedText;
  readonly sets: unknown[][];
  /** The types of the parameters, in the order of their numbers. */
  readonly types: number[];
}

/** Runs a statement, and a text without arguments as it is. */
export function execute(
  host: ExecutionHost,
  statement: CursorStatement,
  args: Arguments,
): Promise<Outcome> {
  if (!hasArguments(args)) return executeText(host, statement.operation, true);
  const { scanned, sets: [values], types } = bindSets(host, statement, [args]);
  return executeStatement(host, scanned, values!, types, true);
}

/**
 * Returns the statement with the values of each set of arguments.
 *
 * @throws {InterfaceError} a placeholder has no meaning, or an argument is missing or superfluous.
 */
export function bindSets(
  host: ExecutionHost,
  { operation, paramstyle, sizes }: CursorStatement,
  sets: Iterable<Arguments>,
): BoundSets {
  const scanned = scanText(paramstyle, operation, host.backslashes);
  const types = typesOf(sizes, scanned);
  return { scanned, sets: Array.from(sets, (args) => bindArguments(scanned, args)), types };
}

/** Calls a procedure outside of a transaction that the host would begin. */
export function callProcedure(
  host: ExecutionHost,
  name: string,
  parameters: readonly unknown[],
  sizes: readonly InputSize[],
): Promise<Outcome> {
  const text = callSql.callProcedure(name, parameters.length);
  const sent = { text, original: text, edits: [] };
  return executeStatement(host, sent, parameters, typeOids(sizes), false);
}

/** Returns the types of the parameters, in the order of their numbers in the scanned text. */
function typesOf(sizes: readonly InputSize[], { keys }: ScannedText): number[] {
  if (sizes.length === 0) return [];
  const oids = typeOids(sizes);
  return keys.map((key, i) => oids[typeof key === "number" ? key : i] ?? 0);
}
