/** Messages as bytes: cutting a stream into them, and making the few that PGlite's stream needs. */
import { OperationalError } from "../errors/errors.ts";
import { Backend, Frontend } from "../protocol/tags.ts";

/** The largest message that PostgreSQL accepts. Source: postgres.c, PQ_LARGE_MESSAGE_LIMIT. */
export const MAX_BYTES = 0x3fffffff;

/** Cuts a stream of bytes into messages. */
export class Packets {
  #chunks: Uint8Array[] = [];
  #length = 0;

  /** Adds bytes, which belong to this object from now on. */
  push(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
  }

  /**
   * Takes the next whole message, or `undefined` while it is incomplete. `tag`: the bytes before the
   * length, none in a startup packet.
   *
   * @throws {OperationalError} the length is not one of a message.
   */
  take(tag: 0 | 1): Uint8Array | undefined {
    if (this.#length < tag + 4) return undefined;
    if (this.#chunks[0]!.length < tag + 4) this.#join();
    const size = tag + int32(this.#chunks[0]!, tag);
    if (size < tag + 4 || size > MAX_BYTES) {
      throw new OperationalError(`a message of ${size} bytes was sent`, { code: "08P01" });
    }
    if (this.#length < size) return undefined;
    if (this.#chunks[0]!.length < size) this.#join();
    const first = this.#chunks[0]!;
    if (first.length === size) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(size);
    this.#length -= size;
    return first.subarray(0, size);
  }

  /** Only when a message that is complete spans chunks, so each byte is copied once. */
  #join(): void {
    this.#chunks = [joined(this.#chunks)];
  }
}

/** The messages in `bytes`, all of them whole. */
export function* messagesIn(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + int32(bytes, at + 1);
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** A simple query. */
export function query(text: string): Uint8Array {
  return message(Frontend.Query, new TextEncoder().encode(`${text}\0`));
}

/** A Sync. */
export function sync(): Uint8Array {
  return message(Frontend.Sync, new Uint8Array(0));
}

/** CopyInResponse without columns: their formats repeat the overall one. */
export function copyInResponse(isBinary: boolean): Uint8Array {
  return message(Backend.CopyInResponse, Uint8Array.of(isBinary ? 1 : 0, 0, 0));
}

/** A fatal ErrorResponse. */
export function fatal(code: string, text: string): Uint8Array {
  const fields = `SFATAL\0VFATAL\0C${code}\0M${text}\0\0`;
  return message(Backend.ErrorResponse, new TextEncoder().encode(fields));
}

/** All bytes in one array. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A big-endian 32-bit integer. */
export function int32(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!;
}

/** The `index`th NUL-terminated string of a message's body. */
export function stringAt(packet: Uint8Array, index: number): string {
  let start = 5;
  for (let i = 0; i < index; i++) start = packet.indexOf(0, start) + 1;
  return new TextDecoder().decode(packet.subarray(start, packet.indexOf(0, start)));
}

function message(tag: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + body.length);
  bytes[0] = tag;
  new DataView(bytes.buffer).setInt32(1, 4 + body.length);
  bytes.set(body, 5);
  return bytes;
}
