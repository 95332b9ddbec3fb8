/** Notices a server that has fallen silent: its machine or the network is gone. No I/O. */
export class Silence {
  /** Messages that were received; any. */
  messages = 0;
  /** Whether messages are held back, so that none can come. */
  isHeld = false;
  readonly #patience: number;
  #seen = -1;
  #since = 0;
  #asked = 0;

  /** `patience` is the time in seconds after which a silent server is given up. */
  constructor(patience: number) {
    this.#patience = patience * 1000;
  }

  /**
   * Called with each status, at a time in milliseconds. Returns whether to ask for an answer, or whether
   * the server has not answered three times: a process that was stopped asks before it gives up.
   */
  tick(now: number): "well" | "ask" | "gone" {
    if (this.messages !== this.#seen || this.isHeld) {
      this.#seen = this.messages;
      this.#since = now;
      this.#asked = 0;
      return "well";
    }
    const quiet = now - this.#since;
    if (quiet > this.#patience && this.#asked >= 3) return "gone";
    if (quiet <= this.#patience / 3) return "well";
    this.#asked++;
    return "ask";
  }
}
