import pg from "pg";
import { from, to } from "pg-copy-streams";
import cursor from "pg-cursor";
import stream from "pg-query-stream";
import { pgPeer } from "../drivers/pg.ts";
import type { Peer } from "../peer.ts";

/** node-postgres, with the packages that stream for it. */
export default function nodePostgres(): Peer {
  return pgPeer("pg", pg, { from, to, cursor, stream });
}
