/**
 * The bytes on the channel between tests in workerd and their sockets outside: frames of a length (4
 * bytes), the number of a socket or server (4 bytes), a kind (1 byte), and a payload.
 */

/** Kinds of frames: bytes of a socket, or an event as JSON. */
export const BYTES = 0;
export const EVENT = 1;

/** An event of a socket or a server; either side sends those that it knows. */
export interface SocketEvent {
  readonly event: string;
  readonly [name: string]: unknown;
}

const HEAD = 9;

/** Makes a frame. */
export function frame(id: number, kind: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEAD + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length);
  view.setUint32(4, id);
  bytes[8] = kind;
  bytes.set(payload, HEAD);
  return bytes;
}

/** Makes a frame of an event. */
export function eventFrame(id: number, event: SocketEvent): Uint8Array<ArrayBuffer> {
  return frame(id, EVENT, new TextEncoder().encode(JSON.stringify(event)));
}

/** Cuts a stream of bytes into frames. */
export class Frames {
  #rest: Uint8Array = new Uint8Array(0);
  readonly #bytes: (id: number, bytes: Uint8Array) => void;
  readonly #event: (id: number, event: SocketEvent) => void;

  constructor(
    bytes: (id: number, bytes: Uint8Array) => void,
    event: (id: number, event: SocketEvent) => void,
  ) {
    this.#bytes = bytes;
    this.#event = event;
  }

  /** Takes bytes as they come, and reports each frame that they complete. */
  push(chunk: Uint8Array): void {
    const all = new Uint8Array(this.#rest.length + chunk.length);
    all.set(this.#rest);
    all.set(chunk, this.#rest.length);
    const view = new DataView(all.buffer);
    let at = 0;
    while (at + HEAD <= all.length) {
      const end = at + view.getUint32(at);
      if (end > all.length) break;
      const payload = all.slice(at + HEAD, end);
      if (all[at + 8] === BYTES) this.#bytes(view.getUint32(at + 4), payload);
      else this.#event(view.getUint32(at + 4), JSON.parse(new TextDecoder().decode(payload)));
      at = end;
    }
    this.#rest = all.subarray(at);
  }
}
