/** Runs child.ts in a process of its own, under the runtime that runs the test. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { ConnectOptions } from "../../mod.ts";

/** The task of a child once it is connected. */
export interface ChildTask {
  /**
   * `close()` at once; a query; a query and `close()`; wait for `closed` and try a query; nothing at all; a query under
   * the eyes of a listener that throws; queries with errors in ticks behind them.
   */
  readonly task:
    | "connect"
    | "query"
    | "close"
    | "idle"
    | "nothing"
    | "faulty listener"
    | "thrown ticks";
  readonly options: ConnectOptions;
}

/** The result of a child. */
export interface ChildReport {
  /** The class of the error that it ended with. */
  readonly error?: string;
  readonly message?: string;
  readonly code?: string;
  readonly cause?: ChildReport;
  /** `idle`: how the query after the end was refused. */
  readonly refusal?: ChildReport;
}

/** Seconds a child may take to end by itself, start included. */
const PATIENCE = 15;

/** Runs a child and waits for it to exit by itself, which must be with code 0 and without a word. */
export async function child(
  task: ChildTask,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ChildReport> {
  const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  const file = fileURLToPath(new URL("./child.ts", import.meta.url));
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const running = spawn(process.execPath, [...flags, file, JSON.stringify(task)], {
    cwd,
    env,
  });
  let output = "", complaints = "", late = false;
  running.stdout.on("data", (bytes) => output += bytes);
  running.stderr.on("data", (bytes) => complaints += bytes);
  const clock = setTimeout(() => {
    late = true;
    running.kill("SIGKILL");
  }, PATIENCE * 1000);
  const code = await new Promise((resolve) => running.once("close", resolve));
  clearTimeout(clock);
  assert.ok(!late, `the process did not end by itself: ${output}${complaints}`);
  assert.equal(code, 0, output + complaints);
  assert.equal(complaints, "");
  return JSON.parse(output);
}
