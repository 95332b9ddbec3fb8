import { own } from "../errors/own.ts";
import { takeCallSite } from "./call_site.ts";
import type { OwnOptions } from "./execute_options.ts";
import type { QueryContext } from "./query_context.ts";
import type { Result } from "./result.ts";

/**
 * Runs one of the driver's own texts that stands for a call of the user's, such as `notify()` or an
 * operation on a large object. It is reported to tracing channels, as the user's queries are.
 */
export async function call(
  { executor, defaults, asyncStacks }: QueryContext,
  text: string,
  values: readonly unknown[],
  options: OwnOptions | undefined,
): Promise<Result> {
  const site = takeCallSite(asyncStacks);
  const execution = executor.driverExecution(text, values, own(defaults, options));
  return await executor.query(execution, site);
}
