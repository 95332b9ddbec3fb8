import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cacheDirectory } from "../tests/_kit/cache.ts";
import type { Server } from "./server.ts";
import { TEXTS } from "./texts.ts";

/** The peers that are a program of their own, pgx in Go, with the mode of the program for each. */
const MODES: Readonly<Record<string, string>> = { pgx: "structs", pgx_maps: "maps" };

/** The names of the peers that are a program of their own. */
export const PROGRAMS: readonly string[] = Object.keys(MODES);

/** Milliseconds that Go may take to compile pgx and its own library. */
const PATIENCE = 300_000;

/**
 * Compiles `pgx/` in the cache directory, where Go may complete its go.mod. Returns the path of the
 * program, or `undefined` without Go or pgx, with a line on standard error that says which.
 */
export function buildProgram(): string | undefined {
  const directory = join(cacheDirectory(), "bench-pgx");
  cpSync(join(import.meta.dirname ?? ".", "pgx"), directory, { recursive: true });
  const program = join(directory, "pgx");
  // Debian's packages of Go libraries are for GOPATH, which has no modules.
  const mode = process.env.GO111MODULE === "off" ? [] : ["-mod=mod"];
  const { status, error, stderr } = spawnSync("go", ["build", ...mode, "-o", program, "."], {
    cwd: directory,
    encoding: "utf8",
    timeout: PATIENCE,
  });
  if (status === 0) return program;
  process.stderr.write(`pgx is left out: ${error?.message ?? stderr.trim()}\n`);
  return undefined;
}

/** Returns the command of a peer that is a program. */
export function programCommand(
  program: string,
  peer: string,
  places: Server["places"],
): readonly string[] {
  return [program, MODES[peer]!, JSON.stringify(places), JSON.stringify(TEXTS)];
}
