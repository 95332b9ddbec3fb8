/** The trace messages of batches and their results; see trace.ts. */
import type { BatchTrace, TraceMessage } from "../trace.ts";
import { resultTrace } from "./query_trace.ts";
import type { Result } from "./result.ts";

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
