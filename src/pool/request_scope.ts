import { NotSupportedError } from "../errors/errors.ts";

/**
 * Refuses a pool outside of a request in Cloudflare Workers, where a connection belongs to the request
 * that opened it. A pool of the global scope would fail the second request and hang the third. Workers
 * also refuse random numbers in the global scope, which no other runtime does.
 * Source: Cloudflare's documentation, "Runtime APIs", Web Crypto and global scope.
 *
 * @throws {NotSupportedError} this is the global scope of a Worker.
 */
export function refuseGlobalScope(): void {
  try {
    crypto.getRandomValues(new Uint8Array(1));
  } catch (cause) {
    throw new NotSupportedError(
      "Cloudflare Workers cannot share a connection between requests: call createPool() or connect() " +
        "within the handler of a request, or use Hyperdrive",
      { cause },
    );
  }
}
