/** The trace messages of queries and their results; see trace.ts. */
import type { QueryTrace, TraceMessage } from "../trace.ts";
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

/** Returns the command that all texts have in common. */
function commandOf(results: readonly Result<unknown>[]): string | undefined {
  const commands = new Set(results.map(({ command }) => command));
  const [command = ""] = commands;
  return commands.size === 1 && command !== "" ? command : undefined;
}
