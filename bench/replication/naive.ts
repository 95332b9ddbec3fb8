/**
 * A reader of pgoutput as a simple program has it: a socket, text values, one object per row, and no
 * status. It is the floor of a reader in JavaScript.
 */
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import type { Place } from "./job.ts";

/** Reads rows of one slot until `rows` have come; calls `first` with the first. */
export function readNaively(
  place: Place,
  slot: string,
  rows: number,
  first: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(place.port, place.host);
    const reader = new NaiveReader((bytes) => socket.write(bytes), slot);
    socket.on("connect", () => socket.write(startup(place)));
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      const before = reader.count;
      try {
        reader.take(chunk);
      } catch (error) {
        socket.destroy();
        reject(error);
      }
      if (before === 0 && reader.count > 0) first();
      if (reader.count < rows) return;
      socket.destroy();
      resolve();
    });
  });
}

class NaiveReader {
  count = 0;
  readonly #write: (bytes: Buffer) => void;
  readonly #slot: string;
  #input: Buffer = Buffer.alloc(0);
  #hasStarted = false;
  #columns: [name: string, type: number][] = [];

  constructor(write: (bytes: Buffer) => void, slot: string) {
    this.#write = write;
    this.#slot = slot;
  }

  take(chunk: Buffer): void {
    const input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    let at = 0;
    while (input.length - at >= 5) {
      const end = at + 1 + input.readInt32BE(at + 1);
      if (end > input.length) break;
      this.#message(input[at]!, input, at + 5);
      at = end;
    }
    this.#input = input.subarray(at);
  }

  #message(tag: number, bytes: Buffer, at: number): void {
    if (tag === 0x45) throw new Error(bytes.toString("utf8", at));
    if (tag === 0x5a && !this.#hasStarted) {
      this.#hasStarted = true;
      const options = `("proto_version" '1', "publication_names" 'bench')`;
      this.#write(query(`START_REPLICATION SLOT "${this.#slot}" LOGICAL 0/0 ${options}`));
    }
    if (tag !== 0x64 || bytes[at] !== 0x77) return;
    const kind = bytes[at + 25];
    if (kind === 0x52) this.#relation(bytes, at + 26);
    if (kind !== 0x49) return;
    this.#row(bytes, at + 26);
    this.count++;
  }

  #relation(bytes: Buffer, start: number): void {
    let [, at] = cstring(bytes, start + 4);
    [, at] = cstring(bytes, at);
    const many = bytes.readUInt16BE(at + 1);
    at += 3;
    this.#columns = [];
    for (let i = 0; i < many; i++) {
      const [name, next] = cstring(bytes, at + 1);
      this.#columns.push([name, bytes.readUInt32BE(next)]);
      at = next + 8;
    }
  }

  #row(bytes: Buffer, start: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    let at = start + 7;
    for (const [name, type] of this.#columns) {
      if (bytes[at++] === 0x6e) object[name] = null;
      else {
        const length = bytes.readInt32BE(at);
        object[name] = valueOf(bytes.toString("utf8", at + 4, at + 4 + length), type);
        at += 4 + length;
      }
    }
    return object;
  }
}

function cstring(bytes: Buffer, at: number): [text: string, next: number] {
  const end = bytes.indexOf(0, at);
  return [bytes.toString("utf8", at, end), end + 1];
}

function valueOf(text: string, type: number): unknown {
  switch (type) {
    case 16:
      return text === "t";
    case 20:
      return BigInt(text);
    case 23:
      return Number(text);
    case 1184:
      return new Date(text);
    default:
      return text;
  }
}

function startup({ user, database }: Place): Buffer {
  const body = Buffer.from(
    `\0\x03\0\0user\0${user}\0database\0${database}\0replication\0database\0\0`,
  );
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length + 4);
  return Buffer.concat([size, body]);
}

function query(text: string): Buffer {
  const body = Buffer.from(`${text}\0`);
  const head = Buffer.alloc(5, "Q");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
