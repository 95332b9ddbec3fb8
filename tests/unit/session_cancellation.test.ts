import assert from "node:assert/strict";
import { test } from "node:test";
import { OperationalError } from "../../mod.ts";
import { Cancellation } from "../../src/session/cancellation.ts";
import { Exchange, type Request } from "../../src/session/exchange.ts";

const REQUEST: Request<void> = { write() {}, *talk() {} };
const GRACE = 0.02;

function exchange(request = REQUEST as Request<unknown>): Exchange {
  const { promise, resolve, reject } = resolvers();
  promise.catch(() => {});
  const made = new Exchange(request, resolve, reject);
  made.cancelReason = new Error("mine");
  return made;
}

function resolvers() {
  let resolve = (_: unknown): void => {};
  let reject = (_: unknown): void => {};
  const promise = new Promise<unknown>((yes, no) => [resolve, reject] = [yes, no]);
  return { promise, resolve, reject };
}

/** Starts a cancel for one request; `heard` is called once per grace period. */
function cancelling(heard: () => number, onServer: () => Promise<void>) {
  const over = resolvers();
  const target = exchange();
  const cancellation = new Cancellation(
    onServer,
    (error) => over.resolve(error),
    () => over.resolve("over"),
    heard,
    GRACE,
  );
  cancellation.start(target);
  const outcome = over.promise.finally(() => cancellation.stop());
  return { cancellation, target, outcome };
}

test("cancellation: silence after a cancel ends the connection; the reason is the cause", async () => {
  const { target, outcome } = cancelling(() => 7, () => Promise.resolve());
  const error = await outcome as OperationalError;
  assert.match(error.message, /did not react/);
  assert.equal(error.cause, target.cancelReason);
});

test("cancellation: bytes that a slow network still brings extend the wait", async () => {
  let looks = 0;
  const { cancellation, target, outcome } = cancelling(() => {
    if (++looks === 5) queueMicrotask(() => cancellation.judge(target, "idle"));
    return looks;
  }, () => Promise.resolve());
  assert.equal(await outcome, "over");
  assert.equal(looks, 5);
});

test("cancellation: a server that ignores the cancel is given up", async () => {
  let looks = 0;
  const { outcome } = cancelling(() => ++looks, () => Promise.resolve());
  assert.match(String(await outcome), /did not react/);
  assert.ok(looks > 10);
});

test("cancellation: a server that no cancel reaches is given up although it sends bytes", async () => {
  let looks = 0;
  const { outcome } = cancelling(() => ++looks, () => Promise.reject(new Error("refused")));
  assert.match(String(await outcome), /did not react/);
  assert.equal(looks, 1);
});

test("cancellation: a cancel that was sent and whose connection does not end gives the session up", async () => {
  const over = resolvers();
  const cancellation = new Cancellation(
    (sent) => {
      sent();
      return Promise.reject(new Error("timed out"));
    },
    (error) => over.resolve(error),
    () => over.resolve("over"),
    () => 7,
  );
  const target = exchange();
  cancellation.start(target);
  cancellation.judge(target, "idle");
  const error = await over.promise as OperationalError;
  assert.match(error.message, /could stop a later query/);
  assert.equal((error.cause as Error).message, "timed out");
});

test("cancellation: a cancel that was not sent leaves the session alone", async () => {
  const { cancellation, target, outcome } = cancelling(
    () => 7,
    () => Promise.reject(new Error("refused")),
  );
  cancellation.judge(target, "idle");
  assert.equal(await outcome, "over");
});

/** A request that has failed with 57014 and was not cancelled itself. */
function hit(request: Partial<Request<unknown>> = {}): { made: Exchange; error: OperationalError } {
  const made = exchange({ ...REQUEST, ...request } as Request<unknown>);
  made.cancelReason = undefined;
  const error = new OperationalError("canceling statement due to user request", { code: "57014" });
  made.failure = { error };
  return { made, error };
}

test("cancellation: a request that a late cancel has hit is sent again", async () => {
  const { cancellation, target, outcome } = cancelling(() => 7, () => Promise.resolve());
  cancellation.judge(target, "idle");
  assert.equal(await outcome, "over");
  const first = hit();
  cancellation.judge(first.made, "idle");
  assert.equal(first.made.stray, true);
  // One cancel stops one request: the next one is stopped by something else.
  const second = hit();
  cancellation.judge(second.made, "idle");
  assert.equal(second.made.stray, false);
  assert.equal(second.error.cause, undefined);
});

test("cancellation: a request that cannot be sent again states the cancel that hit it", async () => {
  const cases = [
    ["in a transaction", "failed", {}],
    ["a part of which was committed", "idle", { mayHaveCommitted: () => true }],
  ] as const;
  for (const [what, status, request] of cases) {
    const { cancellation, target, outcome } = cancelling(() => 7, () => Promise.resolve());
    cancellation.judge(target, "transaction");
    assert.equal(await outcome, "over");
    const { made, error } = hit(request);
    cancellation.judge(made, status);
    assert.equal(made.stray, false, what);
    assert.equal(made.failure?.error, error);
    assert.match(String(error.cause), /the cancel of an earlier request .* has hit this one/);
    assert.equal((error.cause as Error).cause, target.cancelReason);
  }
});
