import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * The runtime's garbage collector, where it can be called: under Deno with `--v8-flags=--expose-gc`, not in
 * workerd.
 */
export function collector(): (() => void) | undefined {
  const { gc, Bun } = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } };
  if (Bun !== undefined) return () => Bun.gc(true);
  const isWorkerd = globalThis.navigator?.userAgent === "Cloudflare-Workers";
  if (gc !== undefined || "Deno" in globalThis || isWorkerd) return gc;
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
