/** The messages of a replication stream, for scripts: inside CopyData, in both directions. */
import type { ClientMessage } from "./client_messages.ts";
import { type Bytes, concat, copyData } from "./server_messages.ts";

function int64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value);
  return bytes;
}

/** XLogData: positions, the server's clock (µs since 2000), and bytes. */
export function xlogData(start: bigint, data: Bytes, walEnd: bigint = start, at = 0n): Uint8Array {
  return copyData(concat("w", int64(start), int64(walEnd), int64(at), data));
}

/** A keepalive, which may ask for a status. */
export function keepalive(position: bigint, isAsked = false, at = 0n): Uint8Array {
  return copyData(concat("k", int64(position), int64(at), new Uint8Array([isAsked ? 1 : 0])));
}

/** The fields of a status message. */
export interface Status {
  readonly written: bigint;
  readonly flushed: bigint;
  readonly applied: bigint;
  readonly at: bigint;
  readonly reply: number;
}

/** Reads a status message; fails for anything else. */
export function statusIn({ tag, body }: ClientMessage): Status {
  if (tag !== "d" || body[0] !== 0x72 || body.length !== 34) {
    throw new Error(`no status: ${tag}, ${body.length} bytes`);
  }
  const view = new DataView(body.buffer, body.byteOffset);
  const [written, flushed, applied, at] = [1, 9, 17, 25].map((i) => view.getBigUint64(i));
  return { written: written!, flushed: flushed!, applied: applied!, at: at!, reply: body[33]! };
}
