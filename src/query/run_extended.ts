import { DatabaseError } from "../errors/errors.ts";
import { withCallSite } from "./call_site.ts";
import type { Context } from "./context.ts";
import type { ExtendedQuery } from "./extended_query.ts";
import type { Result } from "./result.ts";
import { inOriginal } from "./rewritten.ts";

/**
 * Sends a query and collects its rows. This is the only async function between the caller and the
 * session. `site` is where the caller's stack was taken, for errors.
 */
export async function runExtended(
  { session, types }: Context,
  query: ExtendedQuery,
  site?: Error,
): Promise<Result> {
  try {
    let result: Result;
    try {
      result = await session.request(query, query.options);
    } catch (error) {
      throw query.explained(refusalOf(query, error));
    }
    const { incomplete } = query;
    if (incomplete === undefined) return result;
    return await types.decodeRest(result, incomplete, query.statement, query.options);
  } catch (error) {
    throw withCallSite(inOriginal(error, query.rewritten), site);
  }
}

/** Returns the error of the shared Parse where that is the reason why the statement does not exist. */
function refusalOf({ sharedParseFailed, statement }: ExtendedQuery, error: unknown): unknown {
  const isMissing = error instanceof DatabaseError && error.code === "26000";
  return sharedParseFailed && isMissing ? statement.refusal ?? error : error;
}
