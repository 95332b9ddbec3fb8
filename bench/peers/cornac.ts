import { connect } from "../../mod.ts";
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
    close: () => db.close(),
  };
}
