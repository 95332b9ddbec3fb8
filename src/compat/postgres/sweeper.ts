import type { Link } from "./link.ts";
import type { ParsedOptions } from "./options.ts";

/** The longest time that a timer takes, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** Closes connections that are idle for long, and those that are old once they are idle. */
export class Sweeper {
  readonly #options: ParsedOptions;
  readonly #idle: readonly Link[];
  readonly #close: (link: Link) => void;
  readonly #lives = new Set<ReturnType<typeof setTimeout>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `close` closes an idle connection. */
  constructor(options: ParsedOptions, idle: readonly Link[], close: (link: Link) => void) {
    this.#options = options;
    this.#idle = idle;
    this.#close = close;
  }

  /** Takes note that a connection has become idle. */
  note(link: Link): void {
    const limit = this.#limit;
    if (limit === 0) return;
    link.idleSince = performance.now();
    this.#timer ??= setTimeout(() => this.#sweep(), limit);
  }

  /** Closes a connection once it is old and idle. */
  expire(link: Link): void {
    const { max_lifetime: life } = this.#options;
    const seconds = typeof life === "function" ? life() : life;
    if (!seconds) return;
    const timer = setTimeout(() => {
      this.#lives.delete(timer);
      link.isExpired = true;
      if (this.#idle.includes(link)) this.#close(link);
    }, Math.min(LONGEST, seconds * 1000));
    // The timer must not keep a program alive. Timers are numbers in browsers.
    (timer as unknown as { unref?(): void }).unref?.();
    this.#lives.add(timer);
  }

  /** Stops all timers. */
  stop(): void {
    clearTimeout(this.#timer);
    for (const timer of this.#lives) clearTimeout(timer);
    this.#lives.clear();
  }

  get #limit(): number {
    return Math.min(LONGEST, Number(this.#options.idle_timeout ?? 0) * 1000);
  }

  #sweep(): void {
    this.#timer = undefined;
    const limit = this.#limit;
    const now = performance.now();
    let oldest = Infinity;
    for (const link of [...this.#idle]) {
      if (now - link.idleSince >= limit - 1) this.#close(link);
      else oldest = Math.min(oldest, link.idleSince);
    }
    if (oldest < Infinity) {
      this.#timer = setTimeout(() => this.#sweep(), Math.max(1, oldest + limit - now));
    }
  }
}
