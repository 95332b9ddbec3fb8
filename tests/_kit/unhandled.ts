/**
 * Promises nobody awaited. All three test runners fail a run on an unhandled rejection or an uncaught
 * exception by themselves while tests are running; Deno and Bun end without noticing one that comes
 * after the last test. Where that matters (connections that die when nothing is going on), wrap:
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
 * the first unhandled rejection or uncaught exception, whoever caused it.
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
