import { loaded } from "../errors/loading.ts";
import { takeCallSite, withCallSite } from "../query/call_site.ts";

/** The functions of cursor_work.ts. */
export type Work = typeof import("./cursor_work.ts");

/** Runs work with code that is loaded first, in the place of a request that is made now. */
export type InPlace = <T>(
  load: () => Promise<Work>,
  work: (loaded: Work) => Promise<T>,
) => Promise<T>;

const load = () => loaded(import("./cursor_work.ts"), "the code of cursors");

/** The code behind the cursors of one connection, which is loaded when it is first needed. */
export class WorkLoader {
  #loaded: Work | undefined;
  readonly #inPlace: InPlace | undefined;

  /** @param given the code, where it is loaded with the module, or the way to wait for it. */
  constructor(given: Work | InPlace) {
    if (typeof given === "function") this.#inPlace = given;
    else this.#loaded = given;
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
      return await this.#inPlace!(load, (loaded) => work(this.#loaded = loaded));
    } catch (error) {
      throw withCallSite(error, site);
    }
  }
}
