import type { Runtime } from "../runtime/runtime.ts";

/** Returns the reason of an error of the system or of TLS, in words of the runtime if it has any. */
export function reasonBy({ reasonOf }: Pick<Runtime, "reasonOf">, cause: unknown): string {
  return reasonOf?.(cause) ?? (cause instanceof Error ? cause.message : String(cause));
}
