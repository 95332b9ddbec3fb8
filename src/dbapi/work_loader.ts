import { loaded } from "../errors/loading.ts";
import { takeCallSite, withCallSite } from "../query/call_site.ts";

/** The functions of cursor_work.ts. */
export type Work = typeof import("./cursor_work.ts");

/** The code behind the cursors of one connection, which is loaded when it is first needed. */
export class WorkLoader {
  #loaded: Work | undefined;
  #loading: Promise<Work> | undefined;

  /** @param loaded the code, where it is loaded with the module. */
  constructor(loaded?: Work) {
    this.#loaded = loaded;
  }

  /** Whether {@linkcode run} calls its function at once. */
  get isLoaded(): boolean {
    return this.#loaded !== undefined;
  }

  /** Calls `work` at once if the code is loaded, and otherwise after loading it, in the order of calls. */
  run<T>(work: (loaded: Work) => Promise<T>): Promise<T> {
    return this.#loaded === undefined ? this.#runLater(work) : work(this.#loaded);
  }

  async #runLater<T>(work: (loaded: Work) => Promise<T>): Promise<T> {
    // Behind the wait no engine but V8 knows the caller any more.
    const site = takeCallSite(false);
    try {
      return await work(await this.#load());
    } catch (error) {
      throw withCallSite(error, site);
    }
  }

  /** All callers wait for one promise, whose reactions run in the order in which they were added. */
  async #load(): Promise<Work> {
    this.#loading ??= loaded(import("./cursor_work.ts"), "the code of cursors");
    try {
      // Set by the first caller that goes on: set when the import settles, a statement made in between
      // would be sent before those that wait.
      return this.#loaded = await this.#loading;
    } catch (error) {
      this.#loading = undefined;
      throw error;
    }
  }
}
