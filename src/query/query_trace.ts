/** The trace messages of queries and their results; see trace.ts. */
import type { BatchTrace, QueryTrace, TraceMessage } from "../trace.ts";
import type { Result } from "./result.ts";

/** Returns the message at the start of a query. */
export function queryTrace(
  text: string,
  values: readonly unknown[],
  isStream: boolean,
): Omit<QueryTrace, keyof TraceMessage> {
  return { "db.query.text": text, parameterCount: values.length, isStream };
}

/** Returns the message at the end of a query with one or several results. */
export function resultTrace(
  results: readonly Result<unknown>[],
): Pick<QueryTrace, "db.operation.name" | "db.response.returned_rows"> {
  const command = commandOf(results);
  return {
    ...(command !== undefined && { "db.operation.name": command }),
    "db.response.returned_rows": results.reduce((rows, { length }) => rows + length, 0),
  };
}

/** Returns the message at the start of `size` statements with these texts. */
export function batchTrace(
  texts: readonly string[],
  size: number,
): Omit<BatchTrace, keyof TraceMessage> {
  const different = new Set(texts);
  const text = (different.size === 1 ? [...different] : texts).join("; ");
  if (size === 1) return { "db.query.text": text };
  return { "db.query.text": text, "db.operation.batch.size": size, "db.operation.name": "BATCH" };
}

/** Returns the message at the end of several statements. */
export function batchResultTrace(
  results: readonly Result<unknown>[],
  size: number,
): Pick<BatchTrace, "db.operation.name" | "db.response.returned_rows"> {
  const told = resultTrace(results);
  const command = told["db.operation.name"];
  if (size === 1 || command === undefined) return told;
  return { ...told, "db.operation.name": `BATCH ${command}` };
}

/** Returns the command that all texts have in common. */
function commandOf(results: readonly Result<unknown>[]): string | undefined {
  const commands = new Set(results.map(({ command }) => command));
  const [command = ""] = commands;
  return commands.size === 1 && command !== "" ? command : undefined;
}
