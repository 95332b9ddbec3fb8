/** What is told of queries and their results to those who watch; see trace.ts. */
import type { BatchTrace, QueryTrace, TraceMessage } from "../trace.ts";
import type { Result } from "./result.ts";

/** What is known of a query when it begins. */
export function queryTrace(
  text: string,
  values: readonly unknown[],
  isStream: boolean,
): Omit<QueryTrace, keyof TraceMessage> {
  return { "db.query.text": text, parameterCount: values.length, isStream };
}

/** What is known of it when it is done, one result or several. */
export function resultTrace(
  results: readonly Result<unknown>[],
): Pick<QueryTrace, "db.operation.name" | "db.response.returned_rows"> {
  const command = commandOf(results);
  return {
    ...(command !== undefined && { "db.operation.name": command }),
    "db.response.returned_rows": results.reduce((rows, { length }) => rows + length, 0),
  };
}

/** What is known of `size` statements with these texts when they begin. */
export function batchTrace(
  texts: readonly string[],
  size: number,
): Omit<BatchTrace, keyof TraceMessage> {
  const different = new Set(texts);
  const text = (different.size === 1 ? [...different] : texts).join("; ");
  if (size === 1) return { "db.query.text": text };
  return { "db.query.text": text, "db.operation.batch.size": size, "db.operation.name": "BATCH" };
}

/** What is known of them when they are done. */
export function batchResultTrace(
  results: readonly Result<unknown>[],
  size: number,
): Pick<BatchTrace, "db.operation.name" | "db.response.returned_rows"> {
  const told = resultTrace(results);
  const command = told["db.operation.name"];
  if (size === 1 || command === undefined) return told;
  return { ...told, "db.operation.name": `BATCH ${command}` };
}

/** The command that all of them have in common. */
function commandOf(results: readonly Result<unknown>[]): string | undefined {
  const commands = new Set(results.map(({ command }) => command));
  const [command = ""] = commands;
  return commands.size === 1 && command !== "" ? command : undefined;
}
