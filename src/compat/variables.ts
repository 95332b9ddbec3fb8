import type { Runtime } from "../runtime/runtime.ts";

/**
 * Returns the runtime without environment variables, but for those of `names`. The entry points in the
 * shape of other drivers read theirs by themselves; libpq's further ones, which those drivers ignore,
 * would change where and how a program connects.
 */
export function withVariables(runtime: Runtime, names: readonly string[]): Runtime {
  return { ...runtime, env: (name) => names.includes(name) ? runtime.env(name) : undefined };
}
