import { default as postgres } from "../../src/compat/postgres/postgres.ts";
import { postgresPeer, type Sql } from "../drivers/postgres.ts";
import type { Peer } from "../peer.ts";

/** This driver in the shape of postgres.js. */
export default function postgresCompat(): Peer {
  return postgresPeer("postgres_compat", (options) => postgres(options) as unknown as Sql);
}
