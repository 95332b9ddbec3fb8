import { type ConnectOptions, openCore, type Opening, type Url } from "../connect.ts";
import { PgError } from "../errors/errors.ts";
import { loaded } from "../errors/loading.ts";
import { own } from "../errors/own.ts";
import type { AsyncContext, Runtime, Signal } from "../runtime/runtime.ts";
import { unlessAborted } from "../session/deadline.ts";
import type { CheckoutContext } from "./checkout.ts";
import type { PoolSettings } from "./options.ts";
import { LatePlainReads } from "./late_plain_reads.ts";
import { listeningRole, type Role } from "./server_role.ts";
import { PoolExecutor, type PoolRules } from "./pool_executor.ts";
import type { PoolTrace } from "./pool_trace.ts";
import type { TextEffects } from "./session_state.ts";
import type { Opened } from "./slot.ts";

/** The milliseconds for which settings are kept. */
const KEPT = 60_000;

/** Opens the connections of a pool. */
export class Connector {
  /** Whether errors keep the stacks of async callers; known with the first connection. */
  keepsStacks = false;
  /** The async context that carries the held connections; known with the first connection. */
  context: AsyncContext<CheckoutContext> | undefined;
  readonly #dsn: string | Url | undefined;
  readonly #options: ConnectOptions;
  readonly #rules: PoolRules;
  readonly #detect: () => Promise<Runtime>;
  #runtime: Runtime | undefined;
  /**
   * The settings. Files and environment are read again when these are {@linkcode KEPT} old or a
   * connection cannot be opened with them, because a password, a certificate or a revocation list may
   * have changed.
   */
  readonly #kept: NonNullable<Opening["kept"]> = { settings: undefined };
  /** The time at which they were read, by the clock that goes on while the process is frozen. */
  #read = 0;

  /** `detect` returns the runtime if the options do not name one. */
  constructor(
    dsn: string | Url | undefined,
    options: ConnectOptions,
    { pooler, reset }: PoolSettings,
    effects: TextEffects,
    detect: () => Promise<Runtime>,
  ) {
    this.#detect = detect;
    this.#dsn = dsn;
    this.#options = options;
    const forbids = pooler === "transaction";
    const cleans = !forbids && reset !== "text";
    this.#rules = { effects, forbids, cleans, objectChanges: 0, reads: new LatePlainReads() };
  }

  /** Opens a connection, unless `signal` aborts. `trace` learns the destination. */
  open(signal: Signal, trace: PoolTrace): Promise<Opened> {
    return this.#open(signal, (role) => role, trace);
  }

  /** Lets the process end although a timer is set. */
  unrefTimer(timer: ReturnType<typeof setTimeout>): void {
    this.#runtime?.unrefTimer(timer);
  }

  /** Opens the connection of `listen()`. */
  openToListen(signal: Signal): Promise<Opened> {
    return this.#open(signal, listeningRole);
  }

  /** Opens a connection. Where kept settings have failed, files and environment are read again. */
  async #open(signal: Signal, choose: (role: Role) => Role, trace?: PoolTrace): Promise<Opened> {
    const now = Date.now();
    if (now - this.#read > KEPT) this.#kept.settings = undefined;
    const wasKept = this.#kept.settings !== undefined;
    if (!wasKept) this.#read = now;
    try {
      return await this.#openOnce(signal, choose, trace);
    } catch (error) {
      this.#kept.settings = undefined;
      const isRefused = error instanceof PgError && error.code?.startsWith("28") === true;
      if (!wasKept || !isRefused || signal.aborted) throw error;
      return await this.#openOnce(signal, choose, trace);
    }
  }

  async #openOnce(
    signal: Signal,
    choose: (role: Role) => Role,
    trace: PoolTrace | undefined,
  ): Promise<Opened> {
    const runtime = this.#options.runtime ?? await this.#detect();
    this.#runtime = runtime;
    this.keepsStacks = runtime.asyncStacks;
    this.context ??= runtime.asyncContext<CheckoutContext>?.();
    let executor: PoolExecutor;
    let role: Role;
    const rules = this.#rules;
    if (runtime.loadEarly !== undefined) {
      const load = () => import("./late.ts").then(({ load }) => load());
      await loaded(runtime.loadEarly("pools", load), "the code of pools");
    }
    if (rules.cleans) await unlessAborted(rules.reads.load(), signal);
    const { maxPipelined = rules.forbids ? 1 : undefined } = this.#options;
    const options = own<ConnectOptions>(this.#options, { maxPipelined, signal });
    const core = await openCore(this.#dsn, options, runtime, {
      kept: this.#kept,
      goesTo: (origin) => trace?.introduce(runtime.channel, origin),
      role: (asked) => role = choose(asked),
      makeExecutor: (session, types, limits, tracing, startup) =>
        executor = new PoolExecutor(session, types, limits, tracing, rules, startup),
    });
    if (rules.forbids && options.statementCacheSize === undefined) executor!.cache.keepNone();
    return { core, executor: executor!, runtime, role: role! };
  }
}
