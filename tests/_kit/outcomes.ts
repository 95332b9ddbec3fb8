/** Outcomes that many tests look at: an error, a connection that still works, a stream's text. */
import assert from "node:assert/strict";
import type { Connection } from "../../mod.ts";

/** The error that `promise` rejects with, of the class `Class`; fails when the promise fulfils. */
export async function failure<E extends Error & { code?: string }>(
  promise: PromiseLike<unknown>,
  Class: new (...parameters: never[]) => E = Error as unknown as new () => E,
): Promise<E> {
  const [settled] = await Promise.allSettled([promise]);
  if (settled.status === "fulfilled") {
    throw new assert.AssertionError({ message: "an error was expected" });
  }
  assert.ok(settled.reason instanceof Class, `${settled.reason} is not of ${Class.name}`);
  return settled.reason;
}

/** Asserts that the connection is idle and answers, and that the answer belongs to the question. */
export async function assertUsable(db: Connection): Promise<void> {
  const nonce = Math.floor(Math.random() * 1e9);
  const rows = await db.query("select $1::int as nonce", [nonce], { rows: "object" });
  assert.deepEqual([...rows], [{ nonce }]);
}

/** The text of all chunks. */
export async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}
