/** The status messages of one connection: when which positions are sent to the server. */
import type { StatusReport } from "./feed.ts";

/** The positions that are reported. */
interface Reported {
  readonly received: bigint;
  readonly confirmed: bigint;
}

/** The shortest time between two statuses because a position has moved, in milliseconds. */
const SHORTEST = 100;

/**
 * Sends statuses by a timer of its own, independent of reading and of the reader, and soon after the
 * confirmed position has moved.
 */
export class Statuses {
  readonly #positions: Reported;
  readonly #send: (report: StatusReport) => void;
  readonly #interval: number;
  #lastAt = -Infinity;
  #lastConfirmed = -1n;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;
  #isSoon = false;

  /** `interval` is in seconds. */
  constructor(positions: Reported, interval: number, send: (report: StatusReport) => void) {
    this.#positions = positions;
    this.#interval = interval * 1000;
    this.#send = send;
    this.now();
  }

  /** Sends a status. */
  now(): void {
    if (this.#isStopped) return;
    const { received, confirmed } = this.#positions;
    this.#lastAt = performance.now();
    this.#lastConfirmed = confirmed;
    this.#isSoon = false;
    this.#schedule(this.#interval);
    // A confirmed position came from the server, so nothing behind `received` is reported.
    const written = received > confirmed ? received : confirmed;
    this.#send({ written, flushed: confirmed, applied: confirmed });
  }

  /** Sends a status soon if the confirmed position has moved: at most ten in a second. */
  moved(): void {
    if (this.#isStopped || this.#isSoon || this.#positions.confirmed === this.#lastConfirmed) {
      return;
    }
    const due = this.#lastAt + SHORTEST - performance.now();
    if (due <= 0) return this.now();
    this.#isSoon = true;
    this.#schedule(due);
  }

  /** Stops the timer. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), milliseconds);
  }
}

/** Returns the seconds of a setting's text: `1min`, `4s`, `500ms`; 0 is no limit. */
export function secondsOf(text: string): number {
  const [, number, unit] = /^(\d+)\s*(ms|s|min|h|d)?$/.exec(text) ?? [];
  const factor = { ms: 0.001, s: 1, min: 60, h: 3600, d: 86400 }[unit ?? "ms"] ?? 0;
  return Number(number ?? 0) * factor;
}

/** Returns the seconds between two statuses: a third of the server's patience, at most 10. */
export function statusInterval(given: number | undefined, walSenderTimeout: number): number {
  const usual = walSenderTimeout > 0 ? Math.min(10, walSenderTimeout / 3) : 10;
  return given === undefined ? usual : Math.min(given, walSenderTimeout > 0 ? usual : given);
}
