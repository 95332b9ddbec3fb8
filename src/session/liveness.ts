import { OperationalError } from "../errors/errors.ts";
import { after } from "./alarm.ts";

/** How often silence is looked for within the time it may last. */
const LOOKS = 4;

/**
 * While a reply is due the server must say something every `timeout` seconds. Looking a few times in
 * that span costs nothing per message, and is late by a quarter of it at most.
 */
export class Liveness {
  readonly #seconds: number;
  readonly #heard: () => number;
  readonly #isDue: () => boolean;
  readonly #isExcused: () => boolean;
  readonly #giveUp: (error: Error) => void;
  #silence: (() => void) | undefined;

  /**
   * `heard` grows with every sign of life; `isDue` says whether there is anything to look for, and
   * `isExcused` that silence means nothing just now.
   */
  constructor(
    seconds: number,
    heard: () => number,
    isDue: () => boolean,
    isExcused: () => boolean,
    giveUp: (error: Error) => void,
  ) {
    this.#seconds = seconds;
    this.#heard = heard;
    this.#isDue = isDue;
    this.#isExcused = isExcused;
    this.#giveUp = giveUp;
  }

  /** Something is waited for from now on. */
  start(): void {
    if (this.#seconds > 0 && this.#silence === undefined) this.#look(0);
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#silence?.();
  }

  #look(silent: number): void {
    const before = this.#heard();
    this.#silence = after(this.#seconds * 1000 / LOOKS, () => {
      this.#silence = undefined;
      if (!this.#isDue()) return;
      const still = this.#heard() === before && !this.#isExcused() ? silent + 1 : 0;
      if (still < LOOKS) return this.#look(still);
      const message =
        `connection timed out: a reply was due and nothing came for ${this.#seconds} s (timeout)`;
      this.#giveUp(new OperationalError(message, { code: "08006" }));
    });
  }
}
