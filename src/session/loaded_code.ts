import type { SessionLock } from "./exchange.ts";

/** The place of a request that waited for its code, while others are made in its place. */
export class Turn {
  /** The lock under which it was made. */
  readonly lock: SessionLock | undefined;
  readonly #number: number;
  #count = 1;

  constructor(number: number, lock: SessionLock | undefined) {
    this.#number = number;
    this.lock = lock;
  }

  /** Returns the number of the next request: larger than the one before, and less than the place's. */
  next(): number {
    return this.#number - 1 / ++this.#count;
  }
}

/** The code that a session has loaded on demand, and the turn of the requests that waited for it. */
export class LoadedCode {
  readonly #modules: Map<unknown, unknown> = new Map();
  #turn: Turn | undefined;

  /** The place that requests take now. */
  get turn(): Turn | undefined {
    return this.#turn;
  }

  /** Returns the module that a function has loaded. */
  find<Code>(load: () => Promise<Code>): Code | undefined {
    return this.#modules.get(load) as Code | undefined;
  }

  /** Keeps the module that a function has loaded. */
  keep<Code>(load: () => Promise<Code>, code: Code): void {
    this.#modules.set(load, code);
  }

  /** Calls `work`, whose requests take the place of another until it returns. */
  inTurn<T>(turn: Turn, work: () => T): T {
    this.#turn = turn;
    try {
      return work();
    } finally {
      this.#turn = undefined;
    }
  }
}
