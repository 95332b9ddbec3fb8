/**
 * The quick loop, under a minute: format, lint, types, layers, documentation, and the unit and wire
 * tests under Deno, without the slowest. Two steps at a time; what a step prints is shown only when it fails.
 *
 *     deno task ok [--static]     # without the tests
 */
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Left to `deno task test`: many processes, each with a clock of its own. */
const SLOW: readonly string[] = [
  "!black_hole",
  "!connect_oauth",
  "!connect_permitted",
  "!connect_time",
  "!datetime_zones",
  "!idle_death",
];

const STEPS: readonly (readonly [name: string, ...args: string[]])[] = [
  ["tests", "run", "-A", "scripts/test.ts", "--runtime=deno", "--group=unit,wire", ...SLOW],
  ["types", "check", "mod.ts", "src", "tests", "scripts/**/*.ts", "bench", "examples/**/*.ts"],
  ["lint", "lint"],
  ["format", "fmt", "--check"],
  ["layers", "run", "--allow-read", "--allow-env", "scripts/check_layers.ts"],
  ["documentation", "run", "-A", "scripts/check_documentation.ts"],
];

if (import.meta.main) process.exitCode = await main();

async function main(): Promise<number> {
  const isStatic = process.argv.includes("--static");
  const waiting = STEPS.filter(([name]) => name !== "tests" || !isStatic);
  const count = waiting.length;
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      if (!await passes(...step)) failed++;
    }
  };
  await Promise.all([worker(), worker()]);
  process.stdout.write(failed === 0 ? "ok\n" : `${failed} of ${count} steps failed\n`);
  return failed === 0 ? 0 : 1;
}

async function passes(name: string, ...args: string[]): Promise<boolean> {
  const start = performance.now();
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text) => output += text);
  }
  const code = await new Promise((resolve) => child.on("close", resolve));
  const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(5);
  process.stdout.write(`${code === 0 ? "✓" : "✗"} ${name.padEnd(14)} ${seconds} s\n`);
  if (code !== 0) process.stdout.write(output + "\n");
  return code === 0;
}
