import postgres from "postgres";
import type { Peer } from "../peer.ts";

/** postgres.js with one connection; `prepare` makes `unsafe` cache statements as its tag does. */
export function postgresJs(): Peer {
  let sql: ReturnType<typeof postgres>;
  return {
    name: "postgres",
    async connect({ host, port, user, database }) {
      sql = postgres({ host, port, user, database, max: 1, ssl: false });
      await sql`select 1`;
    },
    query: (text, parameters) => sql.unsafe(text, parameters as never[], { prepare: true }),
    openPool({ host, port, user, database }, max) {
      const pool = postgres({ host, port, user, database, max, ssl: false });
      return {
        async checkout() {
          const own = await pool.reserve();
          own.release();
        },
        query: (text, parameters) => pool.unsafe(text, parameters as never[], { prepare: true }),
        close: () => pool.end(),
      };
    },
    close: () => sql.end(),
  };
}
