/** Where in the caller's code something was asked for: his stack, and the first line of it. */

import { PgError } from "../errors/errors.ts";
import { withCallSite } from "../query/call_site.ts";

/** A stack to be shown, not an error. */
class Place extends Error {
  static {
    this.prototype.name = "Place";
  }
}

/** Takes the stack of whoever called into the driver. */
export function here(what: string): Error {
  return new Place(what);
}

/** Stands for a place that was not noted. */
export function nowhere(what: string): Error {
  const place = new Place(what);
  place.stack = `Place: ${what}: more connections are taken in a second than places are noted`;
  return place;
}

/**
 * The same place as text alone. A stack that V8 has taken holds what each of its functions was called
 * on, until it is made text, and Deno's even then.
 */
export function textOf(place: Error): Error {
  const text = new Place(place.message);
  text.stack = place.stack;
  return text;
}

/** Stacks that are taken in a second. */
const PER_SECOND = 500;

/**
 * Takes stacks as long as they cost next to nothing. One costs as much as taking a connection and
 * giving it back: a program that does little else is not to pay twice, and no other notices.
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

  /** Even to look at the clock each time would show. */
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
 * The error with the stack of `site`, or of the async functions that are waiting for it. What is no
 * error of the driver's, such as the reason of an `AbortSignal`, is not ours to change.
 */
export function located(error: unknown, site: Error | undefined): unknown {
  return error instanceof PgError ? withCallSite(error, site) : error;
}

/** The first frame that is neither the driver's own nor the runtime's: `at handler (server.ts:12:3)`. */
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
