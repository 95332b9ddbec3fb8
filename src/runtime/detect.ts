import type { Runtime } from "./runtime.ts";

/**
 * The adapter for whatever executes this: Deno, Bun, or else Node.
 *
 * Told by globals that only the runtime itself defines; Deno and Bun both pretend to be Node. The
 * imports are literal so that packers keep the files, and dynamic so that only one is loaded.
 */
export async function detectRuntime(): Promise<Runtime> {
  if ("Deno" in globalThis) return (await import("./deno.ts")).runtime;
  if ("Bun" in globalThis) return (await import("./bun.ts")).runtime;
  return (await import("./node.ts")).runtime;
}
