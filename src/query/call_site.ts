/**
 * An error is made in a socket's callback, where the stack does not lead to the caller. Before it is
 * thrown to the caller it gets the caller's stack, and a hint where the driver knows better.
 */
import { DatabaseError } from "../errors/errors.ts";

/** Takes the stack here, above the functions that call this; `undefined` where that is not needed. */
export function takeCallSite(asyncStacks: boolean): Error | undefined {
  return asyncStacks ? undefined : new Error();
}

/**
 * Gives `error` the stack of `site`, or that of the running async function and those awaiting it,
 * which V8 knows at no cost. The error stays the same object; its message stays first.
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

/** `n in (${sql([1, 2])})` compares with a row: the list has parentheses of its own. */
function hintAtList(error: DatabaseError): void {
  if (!/ = record$/.test(error.message)) return;
  const own = "A list made by sql([…]) has its own parentheses: write in ${sql([…])}.";
  const value = error.hint === undefined ? own : `${error.hint} ${own}`;
  if (!error.hint?.endsWith(own)) {
    Object.defineProperty(error, "hint", { value, enumerable: true, configurable: true });
  }
}

/** Frames of the driver's own plumbing and of the event loop, between the caller and the error. */
const OWN = new RegExp(
  [
    "withCallSite|takeCallSite|siteOf|#streamed",
    String.raw`\b(Borrower|PoolSource|Places)\.`,
    String.raw`Executor\.(execute|run)|#run\b|Trace\.promise`,
    String.raw`\bnew (Simple)?Query\b|\bsimple\b.*query\.[tj]s|src[/\\]connection\.[tj]s`,
    "processTicksAndRejections|drainTicks|NextTickAndMacro",
  ].join("|"),
);
