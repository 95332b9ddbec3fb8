/** The readers of a change stream over an inbox, without a server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../_kit/outcomes.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { pause } from "../_kit/waiting.ts";
import { BatchIterator } from "../../src/replication/batches.ts";
import { ChangeIterator } from "../../src/replication/change_iterator.ts";
import { Inbox } from "../../src/replication/inbox.ts";
import type { Source } from "../../src/replication/reading.ts";
import { SideConnection } from "../../src/replication/side_connection.ts";
import type { StreamEvent } from "../../src/replication/stream_event.ts";
import { runHandlers, TransactionIterator } from "../../src/replication/transactions.ts";

const change = (n: number): StreamEvent => ({ kind: "insert", n }) as unknown as StreamEvent;

/** A source that is closed by `close()` alone, and its inbox. */
function opened(windowBytes = 1e6): Source & { readonly inbox: Inbox<StreamEvent> } {
  const inbox = new Inbox<StreamEvent>(windowBytes, true);
  return { inbox, isStopping: false, close: () => Promise.resolve(inbox.close()) };
}

/** Receives transactions, whose commit positions are multiples of ten. */
function receive(inbox: Inbox<StreamEvent>, ...transactions: (readonly number[])[]): void {
  for (const numbers of transactions) {
    const commitLsn = BigInt(numbers[0]! * 10);
    inbox.begin({ kind: "commit", commitLsn });
    for (const n of numbers) void inbox.add(change(n), 1);
    inbox.end(commitLsn + 1n);
  }
}

const numbersOf = (list: readonly unknown[]): number[] =>
  list.map((one) => (one as { n: number }).n);

test("a transaction: calls of next() that are not awaited get one change each, in order", () =>
  withoutUnhandled(async () => {
    const source = opened();
    const { inbox } = source;
    inbox.begin({ kind: "commit", commitLsn: 10n });
    void inbox.add(change(1), 1);
    const { value: transaction } = await new TransactionIterator(source).next();
    const changes = transaction![Symbol.asyncIterator]();
    const calls = [1, 2, 3, 4, 5].map(() => changes.next());
    const rest = transaction!.all();
    for (const n of [2, 3]) {
      await pause(0);
      void inbox.add(change(n), 1);
    }
    inbox.end(11n);
    const found = await Promise.all(calls);
    assert.deepEqual(found.map(({ done }) => done), [false, false, false, true, true]);
    assert.deepEqual(numbersOf(found.slice(0, 3).map(({ value }) => value)), [1, 2, 3]);
    assert.deepEqual(await rest, []);
  }));

test("nothing is confirmed after close(), whatever is read", async () => {
  const source = opened();
  const { inbox } = source;
  receive(inbox, [1, 2, 3], [4]);
  const changes = new ChangeIterator(source);
  await changes.next();
  await source.close();
  assert.deepEqual(await changes.next(), { done: true, value: undefined });
  assert.equal(inbox.positions.confirmed, 0n);

  for (const Reader of [TransactionIterator, BatchIterator]) {
    const other = opened();
    receive(other.inbox, [1, 2], [3]);
    const reader = new Reader(other, { maxWait: 0.01 });
    await reader.next();
    await other.close();
    assert.equal((await reader.next()).done, true);
    assert.equal(other.inbox.positions.confirmed, 0n);
  }
});

test("run(): a handler that fails leaves room for the changes of the others", () =>
  withoutUnhandled(async () => {
    const source = opened(5_000);
    const { inbox } = source;
    const mine = new Error("mine");
    const seen: number[] = [];
    let second = (): void => {};
    const begun = new Promise<void>((resolve) => second = resolve);
    const running = failure(runHandlers(source, async (transaction) => {
      if (transaction.commitLsn.value === 10n) {
        await begun;
        throw mine; // and has read nothing
      }
      second();
      for await (const one of transaction) seen.push(...numbersOf([one]));
    }, 2));
    receive(inbox, [1, 2, 3]);
    inbox.begin({ kind: "commit", commitLsn: 40n });
    for (const n of [4, 5, 6, 7]) await inbox.add(change(n), 1);
    inbox.end(41n);
    assert.equal(await running, mine);
    assert.deepEqual(seen, [4, 5, 6, 7]);
    assert.equal(inbox.positions.confirmed, 0n, "the first failed");
  }));

test("run(): close() in a handler, or while it reads, ends it without an error", () =>
  withoutUnhandled(async () => {
    for (const isAwaited of [true, false]) {
      const source = opened();
      source.inbox.begin({ kind: "commit", commitLsn: 10n });
      void source.inbox.add(change(1), 1);
      await runHandlers(source, async (transaction) => {
        const closing = source.close();
        if (isAwaited) await closing;
        await transaction.all();
      }, 1);
      assert.equal(source.inbox.positions.confirmed, 0n);
    }
  }));

test("run(): an error of a handler's own is reported, also after close()", async () => {
  const source = opened();
  receive(source.inbox, [1]);
  const mine = new Error("mine");
  const running = runHandlers(source, async () => {
    await source.close();
    throw mine;
  }, 3);
  assert.equal(await failure(running), mine);
});

test("the connection for the catalogue: the end of an idle one does not lose its successor", async () => {
  const ends: (() => void)[] = [];
  const destroyed: number[] = [];
  const side = new SideConnection(() => {
    const closed = new Promise<undefined>((resolve) => ends.push(() => resolve(undefined)));
    const number = ends.length;
    const connection = { closed, close: () => closed, destroy: () => destroyed.push(number) };
    return Promise.resolve({ connection } as never);
  }, 0.02);
  await side.connection();
  await pause(0.05);
  await side.connection();
  ends[0]!();
  await pause(0);
  await side.connection();
  assert.equal(ends.length, 2);
  side.destroy(new Error("over"));
  await pause(0);
  assert.deepEqual(destroyed, [2]);
});
