import { from, to } from "../../src/compat/pg/copy_streams.ts";
import cursor from "../../src/compat/pg/cursor.ts";
import * as pg from "../../src/compat/pg/pg.ts";
import stream from "../../src/compat/pg/query_stream.ts";
import { type PgModule, pgPeer, type PgStreams } from "../drivers/pg.ts";
import type { Peer } from "../peer.ts";

/** This driver in the shape of node-postgres, with the packages that stream for it. */
export default function pgCompat(): Peer {
  const streams: PgStreams = { from, to, cursor, stream };
  return pgPeer("pg-compat", pg as unknown as PgModule, streams);
}
