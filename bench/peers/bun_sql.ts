import type { Peer, Settings } from "../peer.ts";

interface Sql {
  connect(): Promise<unknown>;
  unsafe(text: string, parameters: readonly unknown[]): Promise<ArrayLike<unknown>>;
  reserve(): Promise<{ release(): unknown }>;
  close(): Promise<void>;
}

/** Bun's own driver, in native code, with one connection; it prepares and pipelines by default. */
export function bunSql(): Peer {
  const { Bun } = globalThis as unknown as { Bun: { SQL: new (options: object) => Sql } };
  const open = ({ host, port, user, database }: Settings, max: number): Sql => {
    const place = { hostname: host, port, username: user, database };
    return new Bun.SQL({ ...place, adapter: "postgres", max, tls: false });
  };
  let sql: Sql;
  return {
    name: "Bun.SQL",
    async connect(settings) {
      sql = open(settings, 1);
      await sql.connect();
    },
    query: (text, parameters) => sql.unsafe(text, parameters),
    openPool(settings, max) {
      const pool = open(settings, max);
      return {
        async checkout() {
          const own = await pool.reserve();
          own.release();
        },
        query: (text, parameters) => pool.unsafe(text, parameters),
        close: () => pool.close(),
      };
    },
    close: () => sql.close(),
  };
}
