import { spawnSync } from "node:child_process";
import process from "node:process";

/** A runtime to run workers on. */
export interface Runtime {
  readonly name: string;
  /** With its version. */
  readonly title: string;
  /** What to execute, before the script's path. */
  readonly command: readonly string[];
}

/** The names {@linkcode findRuntime} knows. */
export const RUNTIMES: readonly string[] = ["deno", "bun", "node"];

const NPX: Readonly<Record<string, readonly string[]>> = {
  bun: ["-y", "bun@1.4.5"],
  node: ["-y", "-p", "node@24.21.0", "node"],
};

/**
 * Finds a runtime by name: the Deno that runs this, Bun and Node from npm. The executable itself is
 * returned, so that nothing stands between a worker and its pipes.
 *
 * @throws {Error} npx cannot fetch it.
 */
export function findRuntime(name: string): Runtime {
  if (name === "deno") {
    const { deno } = process.versions as Record<string, string>;
    const flags = ["run", "-A", "--no-check"];
    return { name, title: `Deno ${deno}`, command: [process.execPath, ...flags] };
  }
  const script = `console.log(process.execPath + "\\n" + process.versions["${name}"])`;
  const { stdout } = spawnSync("npx", [...NPX[name]!, "-e", script], { encoding: "utf8" });
  const [path, version] = stdout.trim().split("\n").slice(-2);
  if (!path || !version) throw new Error(`npx cannot run ${name}`);
  return { name, title: `${name === "bun" ? "Bun" : "Node"} ${version}`, command: [path] };
}
