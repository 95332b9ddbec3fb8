import { connect, type Connection, createPool } from "../../mod.ts";
import type { Client, Peer, Settings } from "../peer.ts";

/** This driver, as it comes. */
export default function cornac(): Peer {
  return {
    name: "cornac",
    connect: async (settings) => clientOf(await connect(optionsOf(settings))),
    openPool(settings, max) {
      const pool = createPool(optionsOf(settings), { max });
      return {
        async checkout() {
          const own = await pool.connect();
          await own.close();
        },
        query: (text, parameters) => pool.query(text, parameters),
        close: () => pool.close(),
      };
    },
  };
}

function optionsOf({ ca, ...login }: Settings): object {
  if (ca === undefined) return { ...login, sslMode: "disable" };
  return { ...login, sslMode: "verify-full", sslRootCert: ca };
}

function clientOf(db: Connection): Client {
  return {
    query: (text, parameters) => db.query(text, parameters),
    batch: (text, sets) => db.batch(sets.map((parameters) => ({ text, parameters }))),
    many: (text, sets) => db.executeMany(text, sets),
    copyIn: (text, chunks) => db.copyFrom(text, chunks),
    async copyOut(text) {
      let bytes = 0;
      for await (const chunk of db.copyTo(text)) bytes += chunk.length;
      return bytes;
    },
    rowsIn: (table, columns, rows) => db.copyRowsFrom(table, columns, rows),
    rowsOut: (table, columns) => counted(db.copyRowsTo(table, columns)),
    iterate: (text, parameters) => counted(db.query(text, parameters)),
    async batches(text, parameters, size) {
      let count = 0;
      for await (const rows of db.query(text, parameters).batches(size)) count += rows.length;
      return count;
    },
    close: () => db.close(),
  };
}

async function counted(rows: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const row of rows) if (row !== undefined) count++;
  return count;
}
