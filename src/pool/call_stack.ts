/** The places in the caller's code from which the pool was called. */

import { PgError } from "../errors/errors.ts";
import { withCallSite } from "../query/call_site.ts";

/** A call stack. It is shown and never thrown. */
class Place extends Error {
  static {
    this.prototype.name = "Place";
  }
}

/** Takes the stack of the code that called the driver. */
export function here(what: string): Error {
  return new Place(what);
}

/** Returns a stand-in for a place that was not recorded. */
export function nowhere(what: string): Error {
  const place = new Place(what);
  place.stack = `Place: ${what}: more connections are taken in a second than places are noted`;
  return place;
}

/**
 * Returns the same place as text. A stack that V8 has taken refers to the receiver of each of its
 * functions until the text is made; on Deno it does so even afterwards.
 */
export function textOf(place: Error): Error {
  const text = new Place(place.message);
  text.stack = place.stack;
  return text;
}

/** The number of stacks taken in a second. */
const PER_SECOND = 500;

/**
 * Takes stacks up to a budget. One stack costs as much as taking and returning a connection, which
 * would double the cost of a program that does little else.
 */
export class Places {
  #left = PER_SECOND;
  #since: number = performance.now();
  #refused = 0;

  take(what: string): Error | undefined {
    if (this.#left === 0 && !this.#refill()) return undefined;
    this.#left--;
    return here(what);
  }

  /** Reading the clock on every call is measurable, so this checks every 32nd call. */
  #refill(): boolean {
    if (++this.#refused % 32 !== 0) return false;
    const now = performance.now();
    if (now - this.#since < 1000) return false;
    this.#since = now;
    this.#left = PER_SECOND;
    return true;
  }
}

/**
 * Returns the error with the stack of `site`, or of the async functions that wait for it. Errors of
 * others, such as the reason of an `AbortSignal`, are returned unchanged.
 */
export function located(error: unknown, site: Error | undefined): unknown {
  return error instanceof PgError ? withCallSite(error, site) : error;
}

/** Returns the first frame outside the driver and the runtime: `at handler (server.ts:12:3)`. */
export function frameOf(place: Error | undefined): string {
  const lines = (place?.stack ?? "").split("\n").slice(1);
  const foreign = lines.find((line) => /:\d+:\d+/.test(line) && !isOurs(line));
  return foreign?.trim() ?? "at an unknown place";
}

function isOurs(line: string): boolean {
  const own = ownFolder();
  return (own !== undefined && line.includes(own)) || /\((?:native|node):/.test(line);
}

/** The folder of the driver's sources, as stacks show it; `undefined` in a bundle, which has none. */
function ownFolder(): string | undefined {
  try {
    return new URL("..", import.meta.url).pathname;
  } catch {
    return undefined;
  }
}
