import { spawnSync } from "node:child_process";
import process from "node:process";
import { runtimeBinary } from "../scripts/toolchain.ts";

/** A runtime to run workers on. */
export interface Runtime {
  readonly name: string;
  /** With its version. */
  readonly title: string;
  /** The command and its flags, up to the script's path. */
  readonly command: readonly string[];
}

/** The names {@linkcode findRuntime} knows. */
export const RUNTIMES: readonly string[] = ["deno", "bun", "node"];

/**
 * Finds a runtime by name: the Deno that runs this, Bun and Node from npm.
 *
 * @throws {Error} npm cannot fetch it.
 */
export async function findRuntime(name: string): Promise<Runtime> {
  if (name === "deno") {
    const { deno } = process.versions as Record<string, string>;
    const flags = ["run", "-A", "--no-check"];
    return { name, title: `Deno ${deno}`, command: [process.execPath, ...flags] };
  }
  const path = await runtimeBinary(name === "bun" ? "bun" : "node24");
  const version = spawnSync(path, ["--version"], { encoding: "utf8" }).stdout.trim();
  const title = name === "bun" ? `Bun ${version}` : `Node ${version.slice(1)}`;
  return { name, title, command: [path] };
}
