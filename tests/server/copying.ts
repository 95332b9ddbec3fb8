/** What the tests of COPY share: a connection of their own, and data. */
import assert from "node:assert/strict";
import { connect, type Connection, type ConnectOptions } from "../../mod.ts";
import { pooledOptions } from "../_kit/pooled.ts";
import { sharedServer } from "../_kit/servers.ts";

/** Runs `body` with a connection of its own, and closes it. */
export async function withDb(
  body: (db: Connection) => Promise<void>,
  options: ConnectOptions = {},
): Promise<void> {
  const { host, port } = await sharedServer();
  const login = { host, port, user: "postgres", ...pooledOptions() };
  const db = await connect({ ...login, sslMode: "disable", ...options });
  try {
    await body(db);
  } finally {
    await db.close();
  }
}

/** The connection is idle and answers. */
export async function assertUsable(db: Connection): Promise<void> {
  assert.equal(await db.query("select 42 as n").scalar(), 42);
  assert.equal(db.transactionStatus, "idle");
}

/** The error that `promise` is rejected with. */
export async function failure(promise: PromiseLike<unknown>): Promise<Error & { code?: string }> {
  const settled = await Promise.allSettled([promise]);
  if (settled[0].status === "rejected") return settled[0].reason;
  throw new assert.AssertionError({ message: "it was expected to fail" });
}

/** All of a copy, as text. */
export async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  return text;
}

/** Resolves when `holds` does; looks every few milliseconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!await holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
