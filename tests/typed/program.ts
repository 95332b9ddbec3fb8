/** The tool as a program. */
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The arguments that run the tool with the runtime of this process. */
export function program(): string[] {
  const source = fileURLToPath(new URL("../../src/cli/" + "cli.ts", import.meta.url));
  const packed = fileURLToPath(new URL("../../bin/cornac.js", import.meta.url));
  if (process.versions.deno === undefined) return [existsSync(packed) ? packed : source];
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  return ["run", "-A", "--no-check", "--config", config, source];
}
