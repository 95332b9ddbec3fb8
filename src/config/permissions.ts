import type { Readable, Runtime } from "../runtime/runtime.ts";

/**
 * Names the permissions that the program lacks to read any of these, as the end of a message; empty
 * where it lacks none. What may not be read counts as absent: only this says why it was not found.
 */
export function permissionHint(runtime: Runtime, ...sources: readonly Readable[]): string {
  const flags = sources.map((source) => runtime.lacks?.(source)).filter((one) => one !== undefined);
  if (flags.length === 0) return "";
  return `; ${runtime.name} may not look there without ${flags.join(" ")}`;
}
