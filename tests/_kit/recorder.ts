/** A sink that records its calls, and pauses on request. */
import { Buffer } from "node:buffer";
import type { Sink } from "../../src/runtime/runtime.ts";

/** Records every call that a stream makes to its sink. */
export class Recorder implements Sink {
  /** While `true`, each delivery is answered with `false`. */
  paused = false;
  /** `"data"` once for each delivery, `"lost"` for each loss, in order. */
  readonly events: string[] = [];
  /** The argument of `lost`. */
  cause: unknown;
  /** Bytes of free space that the stream is offered. */
  room: number;
  #size = 0;
  readonly #space = new Uint8Array(65_536);
  #parts: Uint8Array[] = [];
  #waiters: (() => void)[] = [];

  constructor(room = 65_536) {
    this.room = room;
  }

  /** How many bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** All bytes so far. */
  get bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  /** All bytes so far as text, one character for each byte. */
  get text(): string {
    return Buffer.from(this.bytes).toString("latin1");
  }

  get losses(): number {
    return this.events.filter((event) => event === "lost").length;
  }

  space(): Uint8Array<ArrayBuffer> {
    return this.#space.subarray(0, this.room);
  }

  received(count: number): boolean {
    return this.chunk(this.#space.subarray(0, count));
  }

  chunk(bytes: Uint8Array): boolean {
    this.#parts.push(bytes.slice());
    this.#size += bytes.length;
    this.#tell("data");
    return !this.paused;
  }

  lost(cause: unknown): void {
    this.cause = cause;
    this.#tell("lost");
  }

  /** Forgets the bytes so far. */
  forget(): void {
    this.#parts = [];
    this.#size = 0;
  }

  /** Resolves when `condition` holds; it is asked at each event. */
  async until(condition: (recorder: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Resolves when `text` is all that has arrived. */
  untilText(text: string): Promise<void> {
    return this.until(() => this.text === text);
  }

  untilLost(): Promise<void> {
    return this.until(() => this.losses > 0);
  }

  #tell(event: string): void {
    this.events.push(event);
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
