import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import process from "node:process";
import type { Ended, Workplace } from "./workplace.ts";

/** The surroundings of this process. */
export const workplace: Workplace = {
  get arguments(): readonly string[] {
    return process.argv.slice(2);
  },
  env: (name) => process.env[name],
  read: (path) => readFile(path, "utf8").catch(absent),
  async write(path, text) {
    const mode = await stat(path).then((found) => found.mode & 0o777, () => undefined);
    const beside = `${path}.${randomUUID().slice(0, 8)}.tmp`;
    try {
      await writeFile(beside, text, mode === undefined ? {} : { mode });
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  },
  remove: (path) => rm(path, { force: true }),
  async files(path, isLeftOut) {
    const found = await stat(path).catch(absent);
    if (found === undefined || isLeftOut(path)) return [];
    return found.isDirectory() ? await filesIn(path, isLeftOut) : [path];
  },
  changed: (path) => stat(path).then((found) => found.mtimeMs, absent),
  run: (program, args) =>
    new Promise<Ended>((resolve) => {
      const shell = process.platform === "win32";
      const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"], shell });
      let output = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => output += text);
      }
      child.once("error", (error) => resolve({ code: 127, output: String(error) }));
      child.once("close", (code) => resolve({ code: code ?? 1, output }));
    }),
  print: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
  exitWith: (code) => void (process.exitCode = code),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

async function filesIn(
  folder: string,
  isLeftOut: (path: string) => boolean,
): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const lists = await Promise.all(entries.map(async (entry) => {
    const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
    if (isLeftOut(path)) return [];
    if (entry.isDirectory()) return await filesIn(path, isLeftOut);
    return entry.isFile() ? [path] : [];
  }));
  return lists.flat().sort();
}

function absent(error: unknown): undefined {
  const { code } = error as { code?: string };
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw error;
}
