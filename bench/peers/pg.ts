import pg from "pg";
import type { Peer } from "../peer.ts";

interface Client {
  connect(): Promise<void>;
  query(query: object): Promise<{ rows: unknown[] }>;
  end(): Promise<void>;
}

/** node-postgres with named statements, and with its pipeline mode: without, it queues. */
export function nodePostgres(): Peer {
  const names = new Map<string, string>();
  let client: Client;
  return {
    name: "pg",
    async connect(settings) {
      client = new pg.Client({ ...settings, ssl: false, pipeline: true });
      await client.connect();
    },
    async query(text, values) {
      let name = names.get(text);
      if (name === undefined) names.set(text, name = `s${names.size}`);
      return (await client.query({ name, text, values })).rows;
    },
    close: () => client.end(),
  };
}
