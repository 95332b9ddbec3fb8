import { type ConnectOptions, openCore, type Url } from "../connect.ts";
import { own } from "../errors/own.ts";
import type { AsyncContext, Runtime, Signal } from "../runtime/runtime.ts";
import type { HoldingContext } from "./holding.ts";
import type { PoolSettings } from "./options.ts";
import { listeningRole, type Role } from "./placement.ts";
import { PoolExecutor } from "./pool_executor.ts";
import type { PoolTrace } from "./pool_trace.ts";
import type { TextEffects } from "./session_state.ts";
import type { Opened } from "./slot.ts";

/** Opens the connections of a pool. */
export class Connector {
  /** Whether an error finds its caller by itself; known with the first connection. */
  keepsStacks = false;
  /** What tells who holds a connection; known with the first connection. */
  context: AsyncContext<HoldingContext> | undefined;
  readonly #dsn: string | Url | undefined;
  readonly #options: ConnectOptions;
  readonly #effects: TextEffects;
  /** Behind a pooler in transaction mode. */
  readonly #forbids: boolean;
  readonly #detect: () => Promise<Runtime>;

  /** `detect` finds out which runtime this is, when the options do not say. */
  constructor(
    dsn: string | Url | undefined,
    options: ConnectOptions,
    { pooler }: PoolSettings,
    effects: TextEffects,
    detect: () => Promise<Runtime>,
  ) {
    this.#detect = detect;
    this.#dsn = dsn;
    this.#options = options;
    this.#effects = effects;
    this.#forbids = pooler === "transaction";
  }

  /** Opens one; aborted by `signal`. `trace` learns where it goes to. */
  open(signal: Signal, trace: PoolTrace): Promise<Opened> {
    return this.#open(signal, (role) => role, trace);
  }

  /** Opens the one that listens. */
  openToListen(signal: Signal): Promise<Opened> {
    return this.#open(signal, listeningRole);
  }

  async #open(signal: Signal, choose: (role: Role) => Role, trace?: PoolTrace): Promise<Opened> {
    const runtime = this.#options.runtime ?? await this.#detect();
    this.keepsStacks = runtime.asyncStacks;
    this.context ??= runtime.asyncContext<HoldingContext>?.();
    let executor: PoolExecutor;
    let role: Role;
    const [effects, forbids] = [this.#effects, this.#forbids];
    const { maxPipelined = forbids ? 1 : undefined } = this.#options;
    const options = own<ConnectOptions>(this.#options, { maxPipelined, signal });
    const core = await openCore(this.#dsn, options, runtime, {
      goesTo: (origin) => trace?.introduce(runtime.channel, origin),
      role: (asked) => role = choose(asked),
      makeExecutor: (session, types, limits, tracing) =>
        executor = new PoolExecutor(session, types, limits, tracing, effects, forbids),
    });
    if (this.#forbids && options.statementCacheSize === undefined) executor!.cache.keepNone();
    return { core, executor: executor!, runtime, role: role! };
  }
}
