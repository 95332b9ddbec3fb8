import { connect, createPool } from "../../mod.ts";
import type { Peer } from "../peer.ts";

/** This driver, as it comes. */
export function cornac(): Peer {
  let db: Awaited<ReturnType<typeof connect>>;
  return {
    name: "cornac",
    async connect(settings) {
      db = await connect({ ...settings, sslMode: "disable" });
    },
    query: (text, parameters) => db.query(text, parameters),
    openPool(settings, max) {
      const pool = createPool({ ...settings, sslMode: "disable" }, { max });
      return {
        async checkout() {
          const own = await pool.connect();
          await own.close();
        },
        query: (text, parameters) => pool.query(text, parameters),
        close: () => pool.close(),
      };
    },
    close: () => db.close(),
  };
}
