import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperationalError } from "../../mod.ts";
import { Cancellation } from "../../src/session/cancellation.ts";
import { Exchange, type Request } from "../../src/session/exchange.ts";

const REQUEST: Request<void> = { write() {}, *talk() {} };
const GRACE = 0.02;

function exchange(): Exchange {
  const { promise, resolve, reject } = resolvers();
  promise.catch(() => {});
  const made = new Exchange(REQUEST as Request<unknown>, resolve, reject);
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
