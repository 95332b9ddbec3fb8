import type { Peer } from "../peer.ts";

interface Sql {
  connect(): Promise<unknown>;
  unsafe(text: string, parameters: readonly unknown[]): Promise<ArrayLike<unknown>>;
  close(): Promise<void>;
}

/** Bun's own driver, in native code, with one connection; it prepares and pipelines by default. */
export function bunSql(): Peer {
  const { Bun } = globalThis as unknown as { Bun: { SQL: new (options: object) => Sql } };
  let sql: Sql;
  return {
    name: "Bun.SQL",
    async connect({ host, port, user, database }) {
      const place = { hostname: host, port, username: user, database };
      sql = new Bun.SQL({ ...place, adapter: "postgres", max: 1, tls: false });
      await sql.connect();
    },
    query: (text, parameters) => sql.unsafe(text, parameters),
    close: () => sql.close(),
  };
}
