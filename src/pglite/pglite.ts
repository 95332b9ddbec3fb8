/**
 * PGlite, PostgreSQL in this process, by the whole interface of the driver: no server is needed.
 *
 * PGlite (`@electric-sql/pglite`) is a peer dependency: install it beside this package. One instance
 * has one session, so it serves one connection at a time. A running statement occupies the thread, so
 * it can be neither cancelled nor limited in time.
 *
 * @module
 */
import { connect as connectTo, type ConnectOptions } from "../connect.ts";
import type { Connection } from "../connection.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { ByteSink, ByteStream } from "../query/source.ts";
import { PGliteBackend, type PGliteInstance } from "./backend.ts";

export type { Connection, ConnectOptions, PGliteInstance };

/** A pair of web streams that carries the protocol: the option `sock` of `connect()` takes it. */
export interface PGliteStream {
  /** The replies. */
  readonly readable: ByteStream;
  /** The requests. */
  readonly writable: ByteSink;
}

/**
 * Makes a connection to a PGlite instance, for the option `sock` of `connect()`. The instance stays
 * open when the connection closes; its session is reset then (`DISCARD ALL`), and an open transaction
 * is rolled back.
 *
 * A `COPY … FROM STDIN` is held in memory until its data are complete.
 *
 * @throws {OperationalError} another connection uses the instance (53300).
 *
 * @example
 * ```ts ignore
 * import { PGlite } from "@electric-sql/pglite";
 * import { connect } from "@cornac/pg";
 * import { pgliteStream } from "@cornac/pg/pglite";
 *
 * const pglite = new PGlite();
 * const db = await connect({ sock: pgliteStream(pglite), user: "postgres" });
 * ```
 */
export function pgliteStream(pglite: PGliteInstance): PGliteStream {
  let replies!: ReadableStreamDefaultController<Uint8Array>;
  let left: Promise<void> | undefined;
  const backend = new PGliteBackend(pglite, (bytes) => replies.enqueue(bytes));
  const leave = (): Promise<void> => left ??= backend.leave();
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => void (replies = controller),
    cancel: leave,
  });
  const end = async (): Promise<void> => {
    await leave();
    close(replies);
  };
  const writable = new WritableStream<Uint8Array>({
    async write(bytes) {
      try {
        if (!await backend.receive(bytes.slice())) await end();
      } catch (error) {
        await leave().catch(() => {});
        replies.error(error);
        throw error;
      }
    },
    close: end,
    abort: leave,
  });
  return { readable, writable } as PGliteStream;
}

/**
 * Opens a connection to PGlite. `source` is an instance, or the directory of its data as PGlite
 * takes it (`"./data"`, `"memory://"`, the default, `"idb://name"`), with or without the prefix
 * `pglite:`. An instance that this function makes is closed with the connection.
 *
 * @throws {InterfaceError} `@electric-sql/pglite` is not installed.
 * @throws {OperationalError} another connection uses the instance (53300).
 *
 * @example
 * ```ts ignore
 * import { connect } from "@cornac/pg/pglite";
 *
 * const db = await connect("pglite:./data");
 * await db.query("create table if not exists notes (text text)");
 * await db.close();
 * ```
 */
export async function connect(
  source: string | PGliteInstance = "memory://",
  options: ConnectOptions = {},
): Promise<Connection> {
  const isOwn = typeof source === "string";
  const pglite = isOwn ? await instanceOf(source.replace(/^pglite:/, "")) : source;
  let sock: PGliteStream | undefined;
  try {
    sock = pgliteStream(pglite);
    const db = await connectTo({
      user: "postgres",
      database: "postgres",
      ...options,
      sock,
      sslContext: false,
    });
    if (isOwn) db.closed.then(() => pglite.close()).catch(() => {});
    return db;
  } catch (error) {
    if (isOwn) await pglite.close();
    // An option was wrong, so that the driver has not taken the stream; the instance is free again.
    else await (sock?.writable as WritableStream | undefined)?.abort().catch(() => {});
    throw error;
  }
}

async function instanceOf(directory: string): Promise<PGliteInstance> {
  const { PGlite } = await import("@electric-sql/pglite").catch((cause: unknown) => {
    throw new InterfaceError("PGlite is not installed: add @electric-sql/pglite", { cause });
  });
  return await PGlite.create(directory) as PGliteInstance;
}

function close(replies: ReadableStreamDefaultController<Uint8Array>): void {
  try {
    replies.close();
  } catch {
    // The reader has cancelled the stream.
  }
}
