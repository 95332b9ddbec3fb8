/** Collects the events that the driver publishes on `node:diagnostics_channel`. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel } from "node:diagnostics_channel";

const KINDS = ["connect", "query", "batch", "transaction", "copy"] as const;
const EVENTS = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;

/** One operation, as its events describe it. */
export interface Told {
  readonly kind: typeof KINDS[number];
  /** The operation's events, in order. */
  readonly events: string[];
  /** The properties known at the start. */
  readonly begun: Readonly<Record<string, unknown>>;
  /** The message itself. */
  readonly message: Readonly<Record<string, unknown>>;
}

const WHOLE = ["start end asyncStart asyncEnd", "start end error asyncStart asyncEnd"];

/**
 * All operations that `work` began. Asserts that each has its events from start to end, once. The
 * channels belong to the process: operations that another file's test left under way are ignored.
 */
export async function traced(work: () => Promise<void>): Promise<Told[]> {
  const inside = new AsyncLocalStorage<true>();
  const all: Told[] = [];
  const byMessage = new Map<unknown, Told>();
  const note = (kind: Told["kind"], event: string, message: Record<string, unknown>): void => {
    let told = byMessage.get(message);
    if (told === undefined) {
      if (inside.getStore() === undefined) return;
      told = { kind, events: [], begun: { ...message }, message };
      byMessage.set(message, told);
      all.push(told);
    }
    told.events.push(event);
  };
  const channels = KINDS.map((kind) => {
    const listeners = Object.fromEntries(
      EVENTS.map((event) => [event, (message: unknown) => note(kind, event, message as never)]),
    ) as unknown as Parameters<ReturnType<typeof tracingChannel>["subscribe"]>[0];
    return { channel: tracingChannel(`cornac.pg:${kind}`), listeners };
  });
  for (const { channel, listeners } of channels) channel.subscribe(listeners);
  try {
    await inside.run(true, work);
  } finally {
    for (const { channel, listeners } of channels) channel.unsubscribe(listeners);
  }
  for (const { kind, events, message } of all) {
    assert.ok(WHOLE.includes(events.join(" ")), `${kind}: ${events.join(" ")}`);
    assert.equal(events.includes("error"), "error" in message);
    assert.equal(typeof message["db.client.operation.duration"], "number");
  }
  return all;
}

/** The operations of one kind that `work` began. */
export async function tracedAs(kind: Told["kind"], work: () => Promise<void>): Promise<Told[]> {
  return (await traced(work)).filter((told) => told.kind === kind);
}

/** A message without what every one has: where it goes to, and how long it took. */
export function own(message: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const rest = Object.entries(message).filter(([name]) => !EVERYWHERE.has(name));
  return Object.fromEntries(rest);
}

const EVERYWHERE: ReadonlySet<string> = new Set([
  "db.system.name",
  "db.namespace",
  "server.address",
  "server.port",
  "db.client.operation.duration",
]);
