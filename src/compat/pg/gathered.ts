import { copyBytes } from "../../bytes/copy_bytes.ts";
import type { Reader } from "../../bytes/reader.ts";
import { Buffer } from "../node.ts";

/** The size of the first buffer, and that up to which the next ones are doubled. */
const SMALLEST = 4096;
const LARGEST = 65_536;

/** The data of the messages that one read has brought, joined into chunks. */
export class Gathered {
  readonly #pass: (chunk: Buffer) => void;
  #buffer = Buffer.alloc(0);
  #view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, 0);
  /** The part of the buffer that was filled and not passed on. */
  #from = 0;
  #to = 0;
  #isDue = false;
  readonly #flush = (): void => {
    this.#isDue = false;
    this.flush();
  };

  /** `pass` gets each chunk, which is then the receiver's. */
  constructor(pass: (chunk: Buffer) => void) {
    this.#pass = pass;
  }

  /** Adds the rest of a message. It is passed on in a microtask, together with those behind it. */
  add(reader: Reader): void {
    const { position, end } = reader;
    const size = end - position;
    if (this.#to + size > this.#buffer.length) this.#renew(size);
    copyBytes(reader, position, size, this.#buffer, this.#view, this.#to);
    this.#to += size;
    reader.position = end;
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(this.#flush);
  }

  /** Passes on what was gathered. */
  flush(): void {
    const { buffer } = this.#buffer;
    const [from, to] = [this.#from, this.#to];
    this.#from = to;
    if (to > from) this.#pass(Buffer.from(buffer, this.#buffer.byteOffset + from, to - from));
  }

  #renew(size: number): void {
    this.flush();
    const usual = Math.min(LARGEST, Math.max(SMALLEST, this.#buffer.length * 2));
    this.#buffer = Buffer.alloc(Math.max(size, usual));
    const { buffer, byteOffset, byteLength } = this.#buffer;
    this.#view = new DataView(buffer, byteOffset, byteLength);
    this.#from = this.#to = 0;
  }
}
