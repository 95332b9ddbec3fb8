import { OperationalError } from "../errors/errors.ts";
import { after } from "./alarm.ts";

/** The number of looks within the time that silence may last. */
const LOOKS = 4;

/**
 * Ends a connection whose server is silent for `timeout` seconds while a reply is due. A few looks within
 * that time cost nothing per message, and are late by at most a quarter of it.
 */
export class Liveness {
  readonly #seconds: number;
  readonly #heard: () => number;
  readonly #isDue: () => boolean;
  readonly #isExcused: () => boolean;
  readonly #giveUp: (error: Error) => void;
  #silence: (() => void) | undefined;

  /**
   * `heard` grows with every byte. `isDue` reports whether a reply is due, and `isExcused` whether
   * silence has no meaning at the moment.
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

  /** Begins to look, because a reply is due. */
  start(): void {
    if (this.#seconds > 0 && this.#silence === undefined) this.#look(0);
  }

  /** Ends looking. */
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
