import { loaded } from "../errors/loading.ts";
import type { Subscription } from "../features/listen.ts";
import type { Listener, ListenEvent, PoolListenOptions } from "./listener.ts";
import type { ListenerStats } from "./stats.ts";

/** The subscriptions of a pool, whose code is loaded by the first `listen()`. */
export class LateListener {
  readonly #make: (code: typeof import("./listener.ts")) => Listener;
  #listener: Listener | undefined;
  #loading: Promise<Listener> | undefined;
  #isClosed = false;

  /** `make` makes the listener when its code is loaded. */
  constructor(make: (code: typeof import("./listener.ts")) => Listener) {
    this.#make = make;
  }

  /** Subscribes to a channel, as `Listener.listen` does. */
  async listen(name: string, options: PoolListenOptions): Promise<Subscription<ListenEvent>> {
    const listener = this.#listener ?? await (this.#loading ??= this.#load());
    return await listener.listen(name, options);
  }

  /** Returns the numbers of the listener. */
  stats(): ListenerStats {
    const state = this.#isClosed ? "closed" : "off";
    return this.#listener?.stats() ?? { state, channels: 0, subscriptions: 0, gaps: 0 };
  }

  /** Ends every subscription within `seconds`. Never rejects. */
  async close(seconds: number): Promise<void> {
    this.#isClosed = true;
    await this.#listener?.close(seconds);
  }

  /** Ends every subscription at once. */
  destroy(): void {
    this.#isClosed = true;
    this.#listener?.destroy();
  }

  async #load(): Promise<Listener> {
    try {
      const code = await loaded(import("./listener.ts"), "the code of pool.listen()");
      const listener = this.#listener = this.#make(code);
      if (this.#isClosed) listener.destroy();
      return listener;
    } catch (error) {
      this.#loading = undefined;
      throw error;
    }
  }
}
