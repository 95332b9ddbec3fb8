import type { Client, Peer, Settings } from "../peer.ts";

/** The tag of `postgres`, or of a driver with its interface. */
export interface Sql {
  unsafe(text: string, parameters?: readonly unknown[], options?: object): SqlQuery;
  reserve(): Promise<{ release(): void }>;
  end(): Promise<void>;
}

interface SqlQuery extends Promise<ArrayLike<unknown>> {
  cursor(size: number): AsyncIterable<ArrayLike<unknown>>;
  writable(): Promise<NodeJS.WritableStream>;
  readable(): Promise<AsyncIterable<Uint8Array>>;
}

/** A peer with the interface of `postgres`; `prepare` makes `unsafe` keep statements as its tag does. */
export function postgresPeer(name: string, open: (options: object) => Sql): Peer {
  const optionsOf = ({ ca, ...login }: Settings, max: number): object => ({
    ...login,
    max,
    ssl: ca === undefined ? false : { ca },
    onnotice: () => {},
  });
  return {
    name,
    async connect(settings) {
      const sql = open(optionsOf(settings, 1));
      await sql.unsafe("select 1");
      return clientOf(sql);
    },
    openPool(settings, max) {
      const pool = open(optionsOf(settings, max));
      return {
        async checkout() {
          const own = await pool.reserve();
          own.release();
        },
        query: (text, parameters) => pool.unsafe(text, parameters, { prepare: true }),
        close: () => pool.end(),
      };
    },
  };
}

function clientOf(sql: Sql): Client {
  const query = (text: string, parameters: readonly unknown[]): SqlQuery =>
    sql.unsafe(text, parameters, { prepare: true });
  return {
    query,
    many: (text, sets) => Promise.all(sets.map((set) => query(text, set))),
    async copyIn(text, chunks) {
      const { Readable } = await import("node:stream");
      const { pipeline } = await import("node:stream/promises");
      await pipeline(Readable.from(chunks), await sql.unsafe(text).writable());
    },
    async copyOut(text) {
      let bytes = 0;
      for await (const chunk of await sql.unsafe(text).readable()) bytes += chunk.length;
      return bytes;
    },
    async iterate(text, parameters) {
      let count = 0;
      for await (const rows of query(text, parameters).cursor(1000)) {
        for (const row of Array.from(rows)) if (row !== undefined) count++;
      }
      return count;
    },
    async batches(text, parameters, size) {
      let count = 0;
      for await (const rows of query(text, parameters).cursor(size)) count += rows.length;
      return count;
    },
    close: () => sql.end(),
  };
}
