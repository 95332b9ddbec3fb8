import assert from "node:assert/strict";
import { test } from "node:test";
import { Exchange, type Request } from "../../src/session/exchange.ts";
import { Waiting } from "../../src/session/waiting.ts";

type Recover = Request<unknown>["recover"];

function made(number: number, recover?: Recover, isAhead = false) {
  const request: Request<unknown> = { write() {}, *talk() {}, recover };
  const outcome: { value?: unknown; error?: unknown } = {};
  const exchange = new Exchange<unknown>(
    request,
    (value) => outcome.value = value,
    (error) => outcome.error = error,
  );
  Object.assign(exchange, { number, isAhead });
  return { exchange, outcome };
}

function numbers(waiting: Waiting): number[] {
  const order: number[] = [];
  for (let next = waiting.next(undefined); next !== undefined; next = waiting.next(undefined)) {
    waiting.remove(next);
    order.push(next.number);
  }
  return order;
}

const REASON = new Error("the first failure");

test("waiting: what comes back stands where it stood, whatever came back before", () => {
  const waiting = new Waiting(() => {});
  const [first, second, third] = [made(1, () => true), made(2, () => true), made(3)];
  waiting.push(third.exchange);
  for (const { exchange } of [first, second]) {
    exchange.fail(REASON);
    assert.equal(waiting.takesBack(exchange, "idle"), true);
    assert.equal(exchange.failure, undefined);
  }
  assert.equal(waiting.length, 3);
  assert.equal(
    waiting.next(made(4).exchange),
    undefined,
    "others that were sent may come back, too",
  );
  assert.equal(waiting.next(first.exchange), first.exchange);
  assert.deepEqual(numbers(waiting), [1, 2, 3]);
});

test("waiting: while one is mended those behind it wait, and what mends it goes ahead", async () => {
  let changes = 0;
  let mended!: (is: boolean) => void;
  const waiting = new Waiting(() => changes++);
  const failing = made(1, () => new Promise((resolve) => mended = resolve));
  const [behind, question] = [made(2), made(3, undefined, true)];
  failing.exchange.fail(REASON);
  assert.equal(waiting.takesBack(failing.exchange, undefined), true);
  assert.equal(waiting.holds(behind.exchange), true);
  waiting.push(behind.exchange);
  assert.equal(waiting.next(undefined), undefined);
  assert.equal(waiting.holds(question.exchange), false);
  waiting.push(question.exchange);
  assert.equal(waiting.next(made(4).exchange), question.exchange);
  waiting.remove(question.exchange);
  assert.equal(waiting.next(undefined), undefined);
  mended(true);
  await Promise.resolve();
  assert.equal(changes, 1);
  assert.deepEqual(numbers(waiting), [1, 2]);
});

for (
  const [how, recover, reason] of [
    ["says no", () => Promise.resolve(false), REASON],
    ["rejects", () => Promise.reject(new Error("better")), /better/],
  ] as const
) {
  test(`waiting: when recovery ${how} it fails, and those behind it go on`, async () => {
    let changes = 0;
    const waiting = new Waiting(() => changes++);
    const { exchange, outcome } = made(1, recover);
    exchange.fail(REASON);
    assert.equal(waiting.takesBack(exchange, undefined), true);
    waiting.push(made(2).exchange);
    await new Promise((resolve) => setTimeout(resolve));
    if (reason === REASON) assert.equal(outcome.error, REASON);
    else assert.match(String(outcome.error), /better/);
    assert.equal(changes, 1);
    assert.deepEqual(numbers(waiting), [2]);
  });
}

test("waiting: one that is taken out while it is mended does not come back", async () => {
  const waiting = new Waiting(() => {});
  const { exchange, outcome } = made(1, () => Promise.resolve(true));
  exchange.fail(REASON);
  waiting.takesBack(exchange, undefined);
  assert.equal(waiting.find(exchange.request), exchange);
  assert.equal(waiting.remove(exchange), true);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(outcome, {});
  assert.equal(waiting.length, 0);
});

test("waiting: what was cancelled is not sent again, and says why", () => {
  const waiting = new Waiting(() => {});
  const { exchange } = made(1, () => true);
  const reason = new Error("cancelled");
  exchange.cancelReason = reason;
  exchange.fail(REASON);
  assert.equal(waiting.takesBack(exchange, "idle"), false);
  assert.equal(exchange.failure?.error, reason);
});

test("waiting: what mend throws is what the request fails with", () => {
  const waiting = new Waiting(() => {});
  const better = new Error("better");
  const { exchange } = made(1, () => {
    throw better;
  });
  exchange.fail(REASON);
  assert.equal(waiting.takesBack(exchange, "failed"), false);
  assert.equal(exchange.failure?.error, better);
});

test("waiting: what was sent goes again only into the state in which it left the session", () => {
  const waiting = new Waiting(() => {});
  const { exchange } = made(1, () => true);
  exchange.mayGoIn("failed");
  exchange.fail(REASON);
  waiting.takesBack(exchange, "idle");
  exchange.mayGoIn("idle");
  assert.throws(() => exchange.mayGoIn("transaction"), REASON);
});

test("waiting: what has not failed is settled, mendable or not", () => {
  const waiting = new Waiting(() => {});
  const { exchange } = made(1, () => true);
  exchange.become("reading");
  exchange.finish(7);
  assert.equal(waiting.takesBack(exchange, "idle"), false);
});

test("waiting: a request that was cancelled fails with the reason, whatever comes of its recovery", async () => {
  const waiting = new Waiting(() => {});
  const { exchange } = made(1, () => Promise.reject(new Error("too late")));
  exchange.fail(REASON);
  exchange.cancelReason = new Error("enough");
  assert.equal(waiting.takesBack(exchange, undefined), false);
  assert.match(String(exchange.failure!.error), /enough/);
  await new Promise((resolve) => setTimeout(resolve, 1)); // an unhandled rejection fails the run
});
