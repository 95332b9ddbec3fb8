/** A few lines of PostgreSQL client, for what tests do behind the driver's back. */
import { connect } from "node:net";
import { concat, cstring, int32, message } from "./server_messages.ts";

/**
 * Runs SQL over a trusted Unix socket as `postgres`, by the simple protocol, and returns all rows
 * as text. Rejects with the server's message.
 */
export function plainQuery(
  socketPath: string,
  sql: string,
  database = "postgres",
): Promise<(string | null)[][]> {
  return new Promise((resolve, reject) => {
    const rows: (string | null)[][] = [];
    let input: Uint8Array = new Uint8Array(0);
    let failure: Error | undefined;
    let asked = false;
    const socket = connect({ path: socketPath });
    socket.once("connect", () => socket.write(startup(database)));
    socket.on("error", reject);
    socket.on("close", () => reject(failure ?? new Error("the server closed the connection")));
    socket.on("data", (bytes: Uint8Array) => {
      input = concat(input, bytes);
      for (let frame = cut(input); frame; frame = cut(input)) {
        input = input.subarray(frame.size);
        if (frame.tag === "D") rows.push(values(frame.body));
        if (frame.tag === "E") failure ??= new Error(new TextDecoder().decode(frame.body));
        if (frame.tag !== "Z") continue;
        if (asked) {
          if (failure) reject(failure);
          else resolve(rows);
          socket.end(message("X"));
        } else socket.write(message("Q", cstring(sql)));
        asked = true;
      }
    });
  });
}

function startup(database: string): Uint8Array {
  const pairs = ["user", "postgres", "database", database].map(cstring);
  const body = concat(int32(3 << 16), ...pairs, "\0");
  return concat(int32(body.length + 4), body);
}

function cut(bytes: Uint8Array): { tag: string; body: Uint8Array; size: number } | undefined {
  if (bytes.length < 5) return undefined;
  const size = 1 + new DataView(bytes.buffer, bytes.byteOffset).getInt32(1);
  if (bytes.length < size) return undefined;
  return { tag: String.fromCharCode(bytes[0]!), body: bytes.subarray(5, size), size };
}

function values(body: Uint8Array): (string | null)[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 2;
  return Array.from({ length: view.getInt16(0) }, () => {
    const length = view.getInt32(at);
    at += 4;
    if (length < 0) return null;
    return new TextDecoder().decode(body.subarray(at, at += length));
  });
}
