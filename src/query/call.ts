import { own } from "../errors/own.ts";
import { takeCallSite } from "./call_site.ts";
import type { ExecuteOptions } from "./execute.ts";
import { Execution } from "./execution.ts";
import type { QueryHost } from "./host.ts";
import type { Result } from "./result.ts";

/**
 * Runs the query that a call of the caller's stands for (`notify()`, what is done to a large object):
 * like one of his own, under the eyes of those who watch.
 */
export async function call(
  { executor, defaults, asyncStacks }: QueryHost,
  text: string,
  values: readonly unknown[],
  options: ExecuteOptions | undefined,
): Promise<Result> {
  const site = takeCallSite(asyncStacks);
  const execution = new Execution(executor, text, values, own(defaults, options));
  return await executor.query(execution, site);
}
