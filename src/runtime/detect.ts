import type { Runtime } from "./runtime.ts";

/**
 * Returns the adapter for the runtime that executes this: Deno, Bun, Cloudflare Workers, Node, or one
 * without sockets.
 *
 * The runtimes are recognised by globals that only they define; Deno, Bun and, with `nodejs_compat`,
 * Workers all pretend to be Node. The imports are literal so that bundlers keep the files, and dynamic
 * so that only one is loaded. The npm package replaces this module by package conditions, so that a
 * bundle for Workers or browsers contains no `node:` import.
 */
export async function detectRuntime(): Promise<Runtime> {
  if ("Deno" in globalThis) return (await import("./deno.ts")).runtime;
  if ("Bun" in globalThis) return (await import("./bun.ts")).runtime;
  if (isWorkerd()) return (await import("./workers.ts")).runtime;
  if ("process" in globalThis) return (await import("./node.ts")).runtime;
  return (await import("./browser.ts")).runtime;
}

/** Reports whether this is workerd. Source: Cloudflare's documentation, "Runtime APIs", navigator. */
function isWorkerd(): boolean {
  const { navigator } = globalThis as { navigator?: { userAgent?: string } };
  return navigator?.userAgent === "Cloudflare-Workers";
}
