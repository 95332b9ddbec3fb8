/**
 * Code that is loaded with its first use. A request whose code is still being loaded stands in the
 * session's queue in its place, so that nothing which is made later overtakes it, `close()` waits for it,
 * and the locks are those of the moment at which it was made.
 */
import { cancelled, type Conversation, type Request, type RequestOptions } from "./exchange.ts";
import { Turn } from "./loaded_code.ts";
import type { Session } from "./session.ts";

/**
 * Imports a module by `loaded()` of `errors/loading.ts`. The function itself is the key under which a
 * session keeps the module.
 */
export type Load<Code> = () => Promise<Code>;

/** Returns code that is loaded, or a promise of it. */
export function codeOf<Code>({ code }: Session, load: Load<Code>): Code | Promise<Code> {
  return code.find<Code>(load) ??
    load().then((loaded) => (code.keep(load, loaded), loaded));
}

/**
 * Runs `work` with code that is loaded first, at once if it is loaded. The requests that `work` makes
 * before it returns take effect as if they were made now.
 *
 * @throws {OperationalError} the code cannot be loaded, and nothing was sent.
 */
export function withCode<Code, T>(
  session: Session,
  load: Load<Code>,
  options: RequestOptions,
  work: (code: Code) => Promise<T>,
): Promise<T> {
  const code = codeOf(session, load);
  return code instanceof Promise ? new Loading(session, code, work).run(options) : work(code);
}

/** Thrown by `write`: there is nothing to write while the code is not loaded, nor afterwards. */
const NOT_WRITTEN = "a request has not got its code";

/** A request that sends nothing. It holds the place of those that its `work` makes. */
export class Loading<Code, T> implements Request<void> {
  readonly #session: Session;
  readonly #loading: Promise<Code>;
  readonly #work: (code: Code) => Promise<T>;
  /** Has no stack: on V8 that would keep the caller's objects, by whose loss a pool notices a leak. */
  readonly #reason: Error = Object.create(Error.prototype, { message: { value: NOT_WRITTEN } });
  #isLoaded = false;
  /** Called when it is the first of all that wait. */
  #called: (() => void) | undefined;
  /** Resolves when `work` has made its requests. */
  #made: Promise<boolean> | undefined;

  constructor(session: Session, loading: Promise<Code>, work: (code: Code) => Promise<T>) {
    this.#session = session;
    this.#loading = loading;
    loading.catch(() => {}); // if the request is aborted, it fails for that
    this.#work = work;
  }

  /** Takes its place in the queue. */
  run(options: RequestOptions): Promise<T> {
    const session = this.#session;
    return new Promise((resolve, reject) => {
      const called = new Promise<void>((resolve) => this.#called = resolve);
      // Added here, so that `work` runs in the asynchronous context of its caller.
      this.#made = called.then(() => this.#loading).then((code) => {
        const number = session.waiting.find(this)?.number;
        if (number === undefined) throw cancelled(); // the request has failed with the reason
        const turn = new Turn(number, options.lock);
        resolve(session.code.inTurn(turn, () => this.#work(code)));
        return false;
      });
      this.#made.catch(reject);
      session.request(this, options).catch((error) => {
        if (error !== this.#reason) reject(error);
      });
    });
  }

  write(): never {
    throw this.#reason;
  }

  *talk(): Conversation<void> {}

  /** Waits for the code, and makes way for the requests of `work` when nothing earlier waits. */
  recover(error: unknown): Promise<boolean> | false {
    if (error !== this.#reason) return false;
    return this.#isLoaded ? this.#makeWay() : this.#loading.then(() => {
      this.#isLoaded = true;
      return !this.#session.waiting.startsWith(this) || this.#makeWay();
    });
  }

  #makeWay(): Promise<boolean> {
    this.#called!();
    return this.#made!;
  }
}
