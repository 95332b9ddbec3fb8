import { DatabaseError } from "../errors/errors.ts";
import { withCallSite } from "./call_site.ts";
import type { Context } from "./context.ts";
import type { ExtendedQuery } from "./extended_query.ts";
import type { Result } from "./result.ts";
import { inOriginal } from "./rewritten.ts";

/**
 * Sends a query and collects its rows. `site` is where the caller's stack was taken, for errors. The
 * promise is settled by the session itself; only a failure costs more promises.
 */
export function runExtended(
  context: Context,
  query: ExtendedQuery,
  site?: Error,
): Promise<Result> {
  return new Promise((resolve) => {
    context.session.submit(
      query,
      (result) => resolve(query.incomplete ? decodeRest(context, query, result, site) : result),
      (error) => resolve(refused(query, error, site)),
      query.options,
    );
  });
}

async function decodeRest(
  { types }: Context,
  query: ExtendedQuery,
  result: Result,
  site: Error | undefined,
): Promise<Result> {
  await undefined; // requests that wait are sent before those to the catalogue
  try {
    return await types.decodeRest(result, query.incomplete!, query.statement, query.options);
  } catch (error) {
    throw withCallSite(inOriginal(error, query.rewritten), site);
  }
}

/** Rejects as soon as V8 can read the caller's stack from the promises that wait for this one. */
async function refused(
  query: ExtendedQuery,
  error: unknown,
  site: Error | undefined,
): Promise<never> {
  const explained = query.explained(refusalOf(query, error));
  // Only now is this promise what the query's promise waits for.
  await undefined;
  await undefined;
  throw withCallSite(inOriginal(explained, query.rewritten), site);
}

/**
 * Sends a query whose values and columns have types that are all known, which leaves nothing to do behind
 * the last reply. One of the functions is called while that is read; neither may throw. A refusal is
 * reported after the call has returned.
 */
export function submitExtended(
  { session }: Context,
  query: ExtendedQuery,
  resolve: (result: Result) => void,
  reject: (error: unknown) => void,
): void {
  const { options } = query;
  const isBound = options.signal !== undefined || options.lock !== undefined;
  let isSubmitting = true;
  const refuse = (error: unknown): void => {
    if (isSubmitting) queueMicrotask(() => reject(refusalOf(query, error)));
    else reject(refusalOf(query, error));
  };
  session.submit(query, resolve, refuse, isBound ? options : undefined);
  isSubmitting = false;
}

/** Returns the error of the shared Parse where that is the reason why the statement does not exist. */
function refusalOf({ sharedParseFailed, statement }: ExtendedQuery, error: unknown): unknown {
  const isMissing = error instanceof DatabaseError && error.code === "26000";
  return sharedParseFailed && isMissing ? statement.refusal ?? error : error;
}
