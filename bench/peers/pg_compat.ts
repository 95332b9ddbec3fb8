import * as pg from "../../src/compat/pg/pg.ts";
import { type PgModule, pgPeer } from "../drivers/pg.ts";
import type { Peer } from "../peer.ts";

/** This driver in the shape of node-postgres. */
export default function pgCompat(): Peer {
  return pgPeer("pg-compat", pg as unknown as PgModule);
}
