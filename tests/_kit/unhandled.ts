/**
 * Failures that no caller awaited. The runner makes every unhandled rejection and uncaught exception fail the
 * run, those soon after the last test too: Node by itself, Deno and Bun with the help of
 * preload_deno.ts and preload_bun.ts. Where silence is the very fact to be shown (connections that
 * die when nothing is going on), wrap, and it holds for a file run by hand as well:
 *
 * @example
 * ```ts
 * test("an idle connection's death is silent", () =>
 *   withoutUnhandled(async () => {
 *     const db = await connect(…);
 *     await cluster.query(`select pg_terminate_backend(${db.processId})`);
 *   }));
 * ```
 */
import process from "node:process";

/**
 * Runs `body` and then gives late failures `linger` seconds (0.05 by default) to show; rejects with
 * the first unhandled rejection or uncaught exception, whatever caused it.
 */
export async function withoutUnhandled<T>(body: () => Promise<T>, linger = 0.05): Promise<T> {
  const caught: unknown[] = [];
  const note = (reason: unknown): void => void caught.push(reason);
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  try {
    const result = await body();
    await new Promise((resolve) => setTimeout(resolve, linger * 1000));
    if (caught.length > 0) throw new Error("unhandled failure", { cause: caught[0] });
    return result;
  } finally {
    process.removeListener("unhandledRejection", note);
    process.removeListener("uncaughtException", note);
  }
}
