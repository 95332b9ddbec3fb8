import assert from "node:assert/strict";
import { test } from "node:test";
import { after } from "../../src/session/alarm.ts";

/** Blocks the event loop, as a long computation or a stopped process does. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test("alarm: a timer that fires in time calls its function once", async () => {
  let calls = 0;
  await new Promise<void>((resolve) => {
    after(5, () => {
      calls++;
      resolve();
    });
  });
  assert.equal(calls, 1);
});

test("alarm: a timer that was stopped calls nothing, also while its time is extended", async () => {
  let calls = 0;
  after(5, () => calls++)();
  const stop = after(100, () => calls++);
  block(250);
  // The first of the timers due here belongs to the alarm, which sets another for 100 ms.
  await new Promise((resolve) => setTimeout(resolve, 0));
  stop();
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal(calls, 0);
});

test("alarm: the event loop turns before a timer that is much too late takes effect", async () => {
  const order: string[] = [];
  const rung = new Promise<void>((resolve) => {
    after(20, () => {
      order.push("alarm");
      resolve();
    });
  });
  block(150);
  // Both timers are due; a second turn may take longer than the 20 ms that the alarm gives.
  await new Promise((resolve) => setTimeout(resolve, 0));
  order.push("turn");
  await rung;
  assert.deepEqual(order, ["turn", "alarm"]);
});

test("alarm: a process that is always busy extends the time only twice", async () => {
  let isOver = false;
  after(20, () => isOver = true);
  let blocks = 0;
  while (!isOver) {
    block(90);
    blocks++;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert.ok(blocks <= 6, `${blocks}`);
});
