/**
 * PGlite in place of the shared server, with `CORNAC_POOLER=pglite`: a port on the loopback that leads
 * into `pgliteStream()`. So the tests of tests/server run against PGlite unchanged, as far as one
 * session suffices; scripts/testing/pglite_tests.ts lists the rest.
 */
import { PGlite } from "@electric-sql/pglite";
import { createServer, type Socket } from "node:net";
import { type PGliteInstance, pgliteStream } from "../../src/pglite/pglite.ts";
import type { ServerAddress } from "./cluster.ts";

/** Milliseconds for which a connection waits until the one before it has left the only session. */
const PATIENCE = 500;

/** A statement that sleeps would stop this process, and with it the test that is to end it. */
const NO_SLEEP = `set allow_system_table_mods = on;
  alter function pg_catalog.pg_sleep(float8) rename to pg_sleep_for_ever;
  create function pg_catalog.pg_sleep(float8) returns void language plpgsql volatile
    as $$ begin raise feature_not_supported using message = 'PGlite cannot wait'; end $$;
  reset allow_system_table_mods`;

/** Starts PGlite and listens; ends with this process. */
export async function startInProcess(): Promise<ServerAddress> {
  const database = await PGlite.create();
  await database.exec(NO_SLEEP);
  const pglite = database as unknown as PGliteInstance;
  let session: Promise<unknown> = Promise.resolve();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    const last = session;
    session = serve(socket, last, pglite).catch(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const { port } = server.address() as { port: number };
  // Nothing is there: no second way to the one session.
  const nowhere = { socketDirectory: "/nonexistent", socketPath: "/nonexistent/.s.PGSQL.5432" };
  return { major: 18, host: "127.0.0.1", port, ...nowhere };
}

async function serve(
  socket: Socket,
  last: Promise<unknown>,
  pglite: PGliteInstance,
): Promise<void> {
  if (!await Promise.race([last.then(() => true), late()])) {
    socket.destroy();
    await last;
    return;
  }
  const { readable, writable } = pgliteStream(pglite);
  const sending = send(readable as ReadableStream<Uint8Array>, socket);
  const writer = (writable as WritableStream<Uint8Array>).getWriter();
  let writing = Promise.resolve();
  socket.on("data", (bytes) => {
    writing = writing.then(() => writer.write(new Uint8Array(bytes))).catch(() => {});
  });
  // Either alone is not reported by every runtime for every way in which a client leaves.
  await Promise.race([sending, once(socket, "end"), once(socket, "close")]);
  await writing;
  await writer.close().catch(() => {});
  await sending.catch(() => {});
  socket.destroy();
}

async function send(replies: ReadableStream<Uint8Array>, socket: Socket): Promise<void> {
  const reader = replies.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!socket.destroyed) socket.write(value);
  }
  socket.end();
}

function once(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve) => socket.once(event, () => resolve()));
}

function late(): Promise<boolean> {
  return new Promise((resolve) => setTimeout(() => resolve(false), PATIENCE));
}
