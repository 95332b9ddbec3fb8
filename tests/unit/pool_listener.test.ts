/** The parts of listen() that need no server: the table of the session, and the queue of a reader. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError, OperationalError } from "../../src/errors/errors.ts";
import { type ListenOptions, Subscription } from "../../src/features/listen.ts";
import { LateListener } from "../../src/pool/late_listener.ts";
import { poolSettings } from "../../src/pool/options.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  type ListenerEvent,
  type ListenerState,
  transition,
  TRANSITIONS,
} from "../../src/pool/listener_state.ts";

const STATES = Object.keys(TRANSITIONS) as ListenerState[];
// deno-fmt-ignore
const EVENTS = [
  "wanted", "unwanted", "due", "opened", "confirmed", "failed", "refused", "closed",
] as ListenerEvent[];

test("pool listener: every state can be reached, and every transition is in the table or refused", () => {
  const reached = new Set<ListenerState>(["off"]);
  for (const state of reached) {
    for (const event of EVENTS) {
      const next = TRANSITIONS[state][event];
      if (next === undefined) {
        assert.throws(() => transition(state, event), /while the listener is/);
      } else {
        assert.equal(transition(state, event), next);
        reached.add(next);
      }
    }
  }
  assert.deepEqual([...reached].sort(), [...STATES].sort());
});

test("pool listener: whatever it does, losing the session leads back to it, and closing out of it", () => {
  for (const state of STATES) {
    const { failed, unwanted, closed } = TRANSITIONS[state];
    const hasSession = state === "connecting" || state === "subscribing" || state === "live";
    assert.equal(failed, hasSession ? "away" : undefined, state);
    assert.equal(unwanted, state === "off" || state === "closed" ? undefined : "off", state);
    assert.equal(closed, state === "closed" ? undefined : "closed", state);
  }
  assert.deepEqual(Object.keys(TRANSITIONS.subscribing).includes("confirmed"), true);
  const live = STATES.filter((state) => Object.values(TRANSITIONS[state]).includes("live"));
  assert.deepEqual(live, ["subscribing"]);
});

function subscription(options: ListenOptions = {}): Subscription<string> {
  return new Subscription<string>("c", options, () => Promise.resolve());
}

async function all(of: Subscription<string>): Promise<string[]> {
  of.end(undefined);
  const list: string[] = [];
  for await (const event of of) list.push(event);
  return list;
}

test("subscription: a pinned event survives an overflow, and is replaced until it is read", async () => {
  for (const overflow of ["drop oldest", "drop newest"] as const) {
    const full = subscription({ limit: 2, overflow });
    full.pin("gap 1");
    for (const event of ["1", "2", "3"]) full.deliver(event);
    assert.equal(full.pinned, "gap 1");
    full.pin("gap 2");
    const kept = overflow === "drop oldest" ? ["2", "3"] : ["1", "2"];
    assert.deepEqual(await all(full), ["gap 2", ...kept]);
    assert.equal(full.dropped, 1);
  }
  const inside = subscription({ limit: 3, overflow: "drop oldest" });
  inside.deliver("1");
  inside.pin("gap 1");
  for (const event of ["2", "3", "4", "5"]) inside.deliver(event);
  assert.deepEqual(await all(inside), ["gap 1", "3", "4", "5"]);
});

test("subscription: what was pinned and read is not replaced", async () => {
  const read = subscription();
  read.pin("gap 1");
  assert.deepEqual(await read.next(), { done: false, value: "gap 1" });
  assert.equal(read.pinned, undefined);
  const waiting = read.next();
  read.pin("gap 2");
  assert.equal((await waiting).value, "gap 2");
  read.deliver("1");
  read.pin("gap 3");
  assert.deepEqual(await all(read), ["1", "gap 3"]);
});

test("subscription: an abort ends it with the signal's reason, and what was not read is forgotten", async () => {
  const controller = new AbortController();
  const aborted = subscription({ signal: controller.signal });
  aborted.deliver("1");
  const mine = new Error("mine");
  controller.abort(mine);
  await assert.rejects(aborted.next(), mine);
  await aborted.close();
  await assert.rejects(aborted.next(), mine);
  const waits = subscription({ signal: new AbortController().signal });
  const next = waits.next();
  await waits.close();
  assert.deepEqual(await next, { done: true, value: undefined });
});

test("subscription: one that overflows ends with an error after what it holds, a pinned one included", async () => {
  const full = subscription({ limit: 1 });
  full.deliver("1");
  full.pin("gap");
  full.deliver("2");
  assert.equal((await full.next()).value, "1");
  assert.equal((await full.next()).value, "gap");
  await assert.rejects(full.next(), OperationalError);
});

test("listener: a pool that is closed while the code of listen() is loaded refuses the call", async () => {
  const opens: unknown[] = [];
  const late = new LateListener(({ Listener }) =>
    new Listener(poolSettings({}), (signal) => Promise.reject(opens.push(signal)))
  );
  assert.deepEqual(late.stats(), { state: "off", channels: 0, subscriptions: 0, gaps: 0 });
  const listening = [late.listen("a", {}), late.listen("b", {})];
  await late.close(0);
  for (const one of listening) {
    const error = await failure(one, InterfaceError);
    assert.match(error.message, /closed/);
  }
  assert.equal(late.stats().state, "closed");
  assert.match((await failure(late.listen("c", {}))).message, /closed/);
  assert.deepEqual(opens, []);
});
