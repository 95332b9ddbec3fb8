/** The metrics of operations and pools, by OpenTelemetry's semantic conventions for databases. */
import type { Attributes, Counter, Histogram, Meter, UpDownCounter } from "@opentelemetry/api";
import type { PoolTraceMessage } from "../pool/pool_trace.ts";
import type { AnyTrace } from "./attributes.ts";
import { metricAttributes } from "./attributes.ts";
import type { OperationKind } from "./options.ts";

/** The events of pools; each has its channel, `cornac.pg:pool:acquire` for example. */
export const POOL_EVENTS: readonly string[] = ["create", "wait", "acquire", "release", "retire"]
  .concat("timeout", "cancel", "close");

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const ROWS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const POOL_NAME = "db.client.connection.pool.name";
const STATE = "db.client.connection.state";

/** The numbers of a pool that were added to the counters. */
interface Counted {
  idle: number;
  used: number;
  pending: number;
  max: number;
  idleMax: number;
  idleMin: number;
}

/** The instruments. */
export class Meters {
  readonly #duration: Histogram;
  readonly #rows: Histogram;
  readonly #count: UpDownCounter;
  readonly #pending: UpDownCounter;
  readonly #limits: Readonly<Record<"max" | "idleMax" | "idleMin", UpDownCounter>>;
  readonly #timeouts: Counter;
  readonly #times: Readonly<Record<string, Histogram>>;
  /** By the pool itself, because pools may have the same name. */
  readonly #pools = new WeakMap<object, Counted>();

  constructor(meter: Meter) {
    const seconds = (name: string, description: string) => histogram(meter, name, description, "s");
    const upDown = (name: string, description: string, unit = "{connection}") =>
      meter.createUpDownCounter(`db.client.connection.${name}`, { description, unit });
    this.#duration = seconds("operation.duration", "Duration of database client operations.");
    const returned = "The actual number of records returned by the database operation.";
    this.#rows = histogram(meter, "response.returned_rows", returned, "{row}");
    this.#count = upDown("count", "The number of connections in the state of `state`.");
    this.#pending = upDown("pending_requests", "The number of callers that wait.", "{request}");
    this.#limits = {
      max: upDown("max", "The maximum number of open connections allowed."),
      idleMax: upDown("idle.max", "The maximum number of idle open connections allowed."),
      idleMin: upDown("idle.min", "The minimum number of idle open connections allowed."),
    };
    this.#timeouts = meter.createCounter("db.client.connection.timeouts", {
      description: "The number of callers that waited too long for a connection.",
      unit: "{timeout}",
    });
    this.#times = {
      "db.client.connection.create_time": seconds("connection.create_time", "To open one."),
      "db.client.connection.wait_time": seconds("connection.wait_time", "To obtain one."),
      "db.client.connection.use_time": seconds("connection.use_time", "From taking to returning."),
    };
  }

  /** Records the end of an operation. */
  operation(kind: OperationKind, message: AnyTrace): void {
    const attributes = metricAttributes(kind, message);
    const seconds = message["db.client.operation.duration"];
    if (seconds !== undefined) this.#duration.record(seconds, attributes);
    const rows = message["db.response.returned_rows"];
    if (typeof rows === "number") this.#rows.record(rows, attributes);
  }

  /** Records an event of a pool. */
  pool(event: string, message: PoolTraceMessage): void {
    const attributes = { [POOL_NAME]: message[POOL_NAME] };
    for (const [name, time] of Object.entries(this.#times)) {
      const value = (message as unknown as AnyTrace)[name];
      if (typeof value === "number") time.record(value, attributes);
    }
    if (event === "timeout") this.#timeouts.add(1, attributes);
    const counted = this.#pools.get(message.pool);
    // A connection may come back when its pool is closed already: the pool has no numbers then.
    if (counted === undefined && (event === "release" || event === "retire")) return;
    const standing = event === "close" ? EMPTY : standingOf(message);
    this.#add(standing, counted ?? EMPTY, attributes);
    if (event === "close") this.#pools.delete(message.pool);
    else this.#pools.set(message.pool, standing);
  }

  #add(now: Counted, before: Counted, attributes: Attributes): void {
    const add = (counter: UpDownCounter, by: number, more: Attributes = {}): void => {
      if (by !== 0) counter.add(by, { ...attributes, ...more });
    };
    add(this.#count, now.idle - before.idle, { [STATE]: "idle" });
    add(this.#count, now.used - before.used, { [STATE]: "used" });
    add(this.#pending, now.pending - before.pending);
    for (const limit of ["max", "idleMax", "idleMin"] as const) {
      add(this.#limits[limit], now[limit] - before[limit]);
    }
  }
}

const EMPTY: Counted = { idle: 0, used: 0, pending: 0, max: 0, idleMax: 0, idleMin: 0 };

function standingOf(message: PoolTraceMessage): Counted {
  return {
    ...message["db.client.connection.count"],
    pending: message["db.client.connection.pending_requests"],
    max: message["db.client.connection.max"],
    idleMax: message["db.client.connection.idle.max"],
    idleMin: message["db.client.connection.idle.min"],
  };
}

function histogram(meter: Meter, name: string, description: string, unit: string): Histogram {
  const explicitBucketBoundaries = unit === "s" ? SECONDS : ROWS;
  const advice = { explicitBucketBoundaries };
  return meter.createHistogram(`db.client.${name}`, { description, unit, advice });
}
