import type { Readable, Runtime } from "../runtime/runtime.ts";

/**
 * Returns the end of a message that names the permissions for reading `sources` which the program
 * lacks, or an empty string. A source that may not be read counts as absent, so this is the only hint.
 */
export function permissionHint(runtime: Runtime, ...sources: readonly Readable[]): string {
  const flags = sources.map((source) => runtime.lacks?.(source)).filter((one) => one !== undefined);
  if (flags.length === 0) return "";
  return `; ${runtime.name} may not look there without ${flags.join(" ")}`;
}
