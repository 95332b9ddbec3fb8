/**
 * The parts of Node's standard library that entry points in the shape of other drivers give to their
 * users. Deno, Bun and Workers with `nodejs_compat` have them, too.
 */
import { readFileSync } from "node:fs";
import process from "node:process";

export { Buffer } from "node:buffer";
export { errorMonitor, EventEmitter } from "node:events";

/** Calls `work` after the current operation, before other events. */
export function nextTick(work: () => void): void {
  process.nextTick(work);
}

/** Returns an environment variable; `undefined` if it is unset or may not be read. */
export function environment(name: string): string | undefined {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

/** Returns the text of a file. */
export function readText(path: string): string {
  return readFileSync(path, "utf8");
}
