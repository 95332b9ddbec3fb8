import postgres from "postgres";
import { postgresPeer, type Sql } from "../drivers/postgres.ts";
import type { Peer } from "../peer.ts";

/** postgres.js. */
export default function postgresJs(): Peer {
  return postgresPeer("postgres", (options) => postgres(options as never) as unknown as Sql);
}
