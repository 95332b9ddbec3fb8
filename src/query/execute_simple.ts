import type { Context } from "./context.ts";
import type { OwnOptions } from "./execute_options.ts";
import type { Result } from "./result.ts";
import { SimpleRequest } from "./simple.ts";

/** Runs one of the driver's own texts. Returns a result for each of its statements. */
export async function executeSimple(
  context: Context,
  text: string,
  options?: OwnOptions,
): Promise<Result[]> {
  return await new SimpleRequest(context, text, context.types.driverOptions(options)).run();
}
