import pg from "pg";
import type { Peer } from "../peer.ts";

interface PoolClient extends Client {
  release(): void;
}

interface Pool extends Client {
  connect(): Promise<PoolClient & void>;
}

interface Client {
  connect(): Promise<void>;
  query(query: object): Promise<{ rows: unknown[] }>;
  end(): Promise<void>;
}

/** node-postgres with named statements, and with its pipeline mode: without, it queues. */
export function nodePostgres(): Peer {
  const names = new Map<string, string>();
  const named = (text: string, values: readonly unknown[]) => {
    let name = names.get(text);
    if (name === undefined) names.set(text, name = `s${names.size}`);
    return { name, text, values };
  };
  let client: Client;
  return {
    name: "pg",
    async connect(settings) {
      client = new pg.Client({ ...settings, ssl: false, pipeline: true });
      await client.connect();
    },
    query: async (text, values) => (await client.query(named(text, values))).rows,
    openPool(settings, max) {
      const pool: Pool = new pg.Pool({ ...settings, ssl: false, max });
      return {
        async checkout() {
          const own = await pool.connect();
          own.release();
        },
        query: async (text, values) => (await pool.query(named(text, values))).rows,
        close: () => pool.end(),
      };
    },
    close: () => client.end(),
  };
}
