/**
 * The project's cache directory, `.cache/` beside deno.json (or `CORNAC_CACHE`): server binaries,
 * runtimes, certificates, data directory templates. Safe to delete at any time no test runs.
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Where things are cached; created when missing. */
export function cacheDirectory(): string {
  const own = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), ".cache");
  const directory = process.env.CORNAC_CACHE ?? own;
  mkdirSync(directory, { recursive: true });
  return directory;
}

/**
 * The cached directory `name`, made by `build` when it is missing. `build` fills an empty directory
 * which gets its name when it is complete, so a crash or a concurrent run leaves nothing half done:
 * others wait for a builder that lives and take over from one that died.
 */
export async function cached(
  name: string,
  build: (directory: string) => Promise<void> | void,
): Promise<string> {
  const final = join(cacheDirectory(), name);
  const lock = `${final}.lock`;
  while (!existsSync(final)) {
    if (!acquire(lock)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    try {
      if (!existsSync(final)) await buildInto(final, build);
    } finally {
      rmSync(lock, { force: true });
    }
  }
  return final;
}

async function buildInto(
  final: string,
  build: (directory: string) => Promise<void> | void,
): Promise<void> {
  const unfinished = `${final}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  mkdirSync(unfinished);
  try {
    await build(unfinished);
    renameSync(unfinished, final);
  } catch (error) {
    if (!existsSync(final)) throw error; // another process was faster
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function acquire(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch {
    if (isStale(lock)) rmSync(lock, { force: true });
    return false;
  }
}

function isStale(lock: string): boolean {
  try {
    const pid = readFileSync(lock, "utf8");
    if (pid === "") return Date.now() - statSync(lock).mtimeMs > 5000; // being written just now
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "ESRCH";
  }
}
