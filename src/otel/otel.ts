/**
 * Spans and metrics of OpenTelemetry, from the driver's channels of `node:diagnostics_channel`.
 *
 * Nothing is patched: the order of imports, bundlers and the runtime do not matter. The library
 * `@opentelemetry/api` is a peer dependency.
 *
 * @module
 */
import {
  type Context,
  context,
  type MeterProvider,
  metrics,
  trace,
  type TracerProvider,
} from "@opentelemetry/api";
import { type Channel, channel } from "node:diagnostics_channel";
import type { PoolTraceMessage } from "../pool/pool_trace.ts";
import type { AnyTrace } from "./attributes.ts";
import { guarded } from "./guarded.ts";
import { Meters, POOL_EVENTS } from "./meters.ts";
import { checkedOptions, type InstrumentationOptions, OPERATIONS } from "./options.ts";
import { Spans } from "./spans.ts";

export type { TraceMessage } from "../trace.ts";
export type { InstrumentationOptions, OperationKind } from "./options.ts";

const NAME = "@cornac/pg";

/** A subscription that `disable()` ends. */
type Ending = () => void;

/**
 * Makes spans and metrics of all connections and pools in the process, while it is enabled.
 *
 * Each connect, query, batch, transaction and COPY is a span of the kind CLIENT with the name of the
 * operation and the database (`SELECT shop`); queries within `transaction()` are children of its span,
 * and so are spans that the callback starts. Attributes have the names of the semantic conventions
 * for databases. The metrics are `db.client.operation.duration`, `db.client.response.returned_rows`, and
 * `db.client.connection.*` for pools.
 *
 * It has the interface of the instrumentations of `@opentelemetry/instrumentation`, for
 * `registerInstrumentations()` and the Node SDK.
 *
 * Source: opentelemetry.io, "Semantic conventions for database client spans", "… metrics".
 *
 * @example
 * ```ts ignore
 * import { CornacInstrumentation } from "@cornac/pg/otel";
 *
 * const instrumentation = new CornacInstrumentation();
 * instrumentation.enable();
 * ```
 */
export class CornacInstrumentation {
  /** The name of the instrumentation: that of its tracer and its meter. */
  readonly instrumentationName: string = NAME;
  /** The version of the interface of the instrumentation. */
  readonly instrumentationVersion: string = "1";
  #options: InstrumentationOptions;
  #tracers: TracerProvider | undefined;
  #meterProvider: MeterProvider | undefined;
  #meters: Meters | undefined;
  readonly #spans: Spans;
  #endings: Ending[] = [];
  /** The channels are held, because Bun drops a channel without references, and its subscribers with it. */
  #channels: Channel[] = [];

  /**
   * Makes an instrumentation, which is not enabled yet.
   *
   * @throws {InterfaceError} an option is unknown or has a wrong value.
   */
  constructor(options: InstrumentationOptions = {}) {
    this.#options = checkedOptions(options);
    this.#spans = new Spans(trace.getTracer(NAME), this.#options);
    if (this.#options.enabled) this.enable();
  }

  /** Subscribes to the driver's channels. Enabling it again has no effect. */
  enable(): void {
    if (this.#endings.length > 0) return;
    this.#useProviders();
    for (const kind of OPERATIONS) {
      const { start, asyncEnd } = channelsOf(kind);
      const begin = (message: unknown): Context => this.#spans.start(kind, message as AnyTrace);
      // A channel calls only `run` of a store: so the operation runs in OpenTelemetry's own context.
      const store = { run: (within: Context, work: () => unknown) => context.with(within, work) };
      start.bindStore(store as never, begin as never);
      this.#endings.push(() => start.unbindStore(store as never));
      this.#subscribe(asyncEnd, (message) => {
        guarded("the tracer", () => this.#spans.end(kind, message as AnyTrace));
        guarded("the meter", () => this.#meters?.operation(kind, message as AnyTrace));
      });
      this.#channels.push(start);
    }
    for (const event of POOL_EVENTS) {
      this.#subscribe(channel(`cornac.pg:pool:${event}`), (message) => {
        guarded("the meter", () => this.#meters?.pool(event, message as PoolTraceMessage));
      });
    }
  }

  /** Ends all subscriptions. Spans of operations that run are not ended. */
  disable(): void {
    for (const end of this.#endings) end();
    this.#endings = [];
    this.#channels = [];
  }

  /** Sets the provider of the tracer; without it the global one is used. */
  setTracerProvider(provider: TracerProvider): void {
    this.#tracers = provider;
    this.#spans.tracer = provider.getTracer(NAME);
  }

  /** Sets the provider of the meter; without it the global one is used. */
  setMeterProvider(provider: MeterProvider): void {
    this.#meterProvider = provider;
    this.#meters = new Meters(provider.getMeter(NAME));
  }

  /** Returns the options. */
  getConfig(): InstrumentationOptions {
    return this.#options;
  }

  /**
   * Replaces the options, for operations that start from now on.
   *
   * @throws {InterfaceError} an option is unknown or has a wrong value.
   */
  setConfig(options: InstrumentationOptions): void {
    this.#options = checkedOptions(options);
    this.#spans.options = this.#options;
  }

  #useProviders(): void {
    if (this.#tracers === undefined) this.#spans.tracer = trace.getTracer(NAME);
    this.#meters ??= new Meters((this.#meterProvider ?? metrics.getMeterProvider()).getMeter(NAME));
  }

  #subscribe(to: Channel, listener: (message: unknown) => void): void {
    to.subscribe(listener);
    this.#endings.push(() => to.unsubscribe(listener));
    this.#channels.push(to);
  }
}

function channelsOf(kind: string): { readonly start: Channel; readonly asyncEnd: Channel } {
  const name = `tracing:cornac.pg:${kind}`;
  return { start: channel(`${name}:start`), asyncEnd: channel(`${name}:asyncEnd`) };
}
