/**
 * The stacks of errors. An error is made in a callback of the socket, whose stack does not lead to the
 * caller. Before it is thrown it gets the caller's stack, and a hint where the driver has one.
 */
import { DatabaseError } from "../errors/errors.ts";

/** Returns the stack of the caller, or `undefined` if the runtime has async stacks. */
export function takeCallSite(asyncStacks: boolean): Error | undefined {
  return asyncStacks ? undefined : new Error();
}

/**
 * Sets the stack of `error` to that of `site`, or to V8's async stack of the running function. Returns
 * the same object.
 */
export function withCallSite(error: unknown, site: Error | undefined): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof DatabaseError && error.code === "42883") hintAtList(error);
  const stack = (site ?? new Error()).stack ?? "";
  const frames = stack.split("\n").filter((line) => /^\s+at |@/.test(line) && !OWN.test(line));
  const value = `${error.name}: ${error.message}\n${frames.join("\n")}`;
  Object.defineProperty(error, "stack", { value, configurable: true, writable: true });
  return error;
}

/** Adds a hint for `n in (${sql([1, 2])})`, which compares with a row. */
function hintAtList(error: DatabaseError): void {
  if (!/ = record$/.test(error.message)) return;
  const own = "A list made by sql([…]) has its own parentheses: write in ${sql([…])}.";
  const value = error.hint === undefined ? own : `${error.hint} ${own}`;
  if (!error.hint?.endsWith(own)) {
    Object.defineProperty(error, "hint", { value, enumerable: true, configurable: true });
  }
}

/** Matches frames of the driver and of the event loop between the caller and the error. */
const OWN = new RegExp(
  [
    "withCallSite|takeCallSite|siteOf|#streamed",
    String.raw`\b(Borrower|PoolSource|Places)\.`,
    String.raw`Executor\.(execute|run)|#run\b|Trace\.promise`,
    // chunks/core.js of the npm package has the code of query.ts and connection.ts.
    String.raw`\bnew (Simple)?Query\b|\bsimple\b.*query\.|src.connection\.`,
    "(simple|Connection).*chunks.core",
    "processTicksAndRejections|drainTicks|NextTickAndMacro",
  ].join("|"),
);
