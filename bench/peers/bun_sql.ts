import type { Peer, Settings } from "../peer.ts";

interface Sql {
  connect(): Promise<unknown>;
  unsafe(text: string, parameters: readonly unknown[]): Promise<ArrayLike<unknown>>;
  reserve(): Promise<{ release(): unknown }>;
  close(): Promise<void>;
}

/** Bun's own driver, in native code, with one connection; it prepares and pipelines by default. */
export default function bunSql(): Peer {
  const { Bun } = globalThis as unknown as { Bun: { SQL: new (options: object) => Sql } };
  const open = ({ host, user, ca, ...place }: Settings, max: number): Sql => {
    const tls = ca === undefined ? false : { ca };
    return new Bun.SQL({ ...place, hostname: host, username: user, adapter: "postgres", max, tls });
  };
  return {
    name: "Bun.SQL",
    async connect(settings) {
      const sql = open(settings, 1);
      await sql.connect();
      const query = (text: string, parameters: readonly unknown[]) => sql.unsafe(text, parameters);
      return {
        query,
        many: (text, sets) => Promise.all(sets.map((set) => query(text, set))),
        close: () => sql.close(),
      };
    },
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
  };
}
