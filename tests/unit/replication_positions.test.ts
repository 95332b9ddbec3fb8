/** The positions and the inbox of a change stream, without a server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Inbox } from "../../src/replication/inbox.ts";
import { Backoff, consequenceOf } from "../../src/replication/reconnect.ts";
import {
  ReplicationSetupError,
  SlotBusyError,
  SlotLostError,
} from "../../src/replication/errors.ts";
import { DatabaseError, InterfaceError, OperationalError } from "../../src/errors/errors.ts";
import { Silence } from "../../src/replication/silence.ts";
import { secondsOf, statusInterval } from "../../src/replication/statuses.ts";

interface Item {
  readonly kind: string;
  readonly n: number;
}

const item = (n: number): Item => ({ kind: "insert", n });

/** An inbox that has received transactions, whose commit positions are multiples of ten. */
function received(...transactions: (readonly number[])[]): Inbox<Item> {
  const inbox = new Inbox<Item>(10_000, true);
  transactions.forEach((numbers, i) => {
    inbox.begin({ kind: "commit", commitLsn: BigInt(i * 10 + 10) });
    for (const n of numbers) void inbox.add(item(n), 1);
    inbox.end(BigInt(i * 10 + 11));
  });
  return inbox;
}

test("the end of the longest prefix of handled transactions is confirmed", () => {
  const inbox = received([1], [2], [3]);
  const units = [];
  for (let unit = inbox.next; unit !== undefined; unit = inbox.next) {
    inbox.begun(unit);
    units.push(unit);
  }
  inbox.handled(units[1]!);
  assert.equal(inbox.positions.confirmed, 0n);
  inbox.handled(units[0]!);
  assert.equal(inbox.positions.confirmed, 21n);
  assert.equal(inbox.positions.resumeAt, 31n, "the third was received, so it need not come again");
  inbox.handled(units[2]!);
  assert.equal(inbox.positions.confirmed, 31n);
});

/** Two transactions, of which the second's commit begins where the first one ends. */
function adjoining(): Inbox<Item> {
  const inbox = new Inbox<Item>(10_000, false);
  for (const commitLsn of [10n, 20n]) {
    inbox.begin({ kind: "commit", commitLsn });
    void inbox.add(item(1), 1);
    inbox.end(commitLsn + 10n);
  }
  return inbox;
}

test("a commit that begins where the one before ends is not confirmed with it", () => {
  const { positions } = adjoining();
  positions.handledUpTo(20n, (unit) => unit.start.commitLsn);
  assert.equal(positions.confirmed, 20n);
  positions.handledUpTo(20n, (unit) => unit.start.commitLsn);
  assert.equal(positions.confirmed, 20n);
  positions.handledUpTo(30n, (unit) => unit.start.commitLsn);
  assert.equal(positions.confirmed, 30n);
  const other = adjoining().positions;
  other.handledUpTo(10n, (unit) => unit.start.commitLsn);
  assert.equal(other.confirmed, 20n, "the position of the first commit");
});

test("a commit that begins where the one before ends was not delivered before", () => {
  const inbox = new Inbox<Item>(10_000, true);
  inbox.positions.delivered = 20n;
  inbox.begin({ kind: "commit", commitLsn: 20n });
  void inbox.add(item(1), 1);
  assert.equal(inbox.first!.isRedelivered, false);
});

test("a keepalive is confirmed when all before it is handled, and not before", () => {
  const inbox = received([1]);
  inbox.keepalive(500n);
  assert.equal(inbox.positions.confirmed, 0n);
  assert.equal(inbox.positions.received, 500n);
  inbox.handled(inbox.first!);
  assert.equal(inbox.positions.confirmed, 500n);
  inbox.keepalive(400n);
  assert.equal(inbox.positions.confirmed, 500n, "never backwards");
});

test("a transaction without changes is confirmed without the reader", () => {
  const inbox = received([], [1]);
  assert.equal(inbox.positions.confirmed, 11n);
  assert.equal(inbox.first!.start.commitLsn, 20n);
});

test("a keepalive within a transaction is not confirmed", () => {
  const inbox = new Inbox<Item>(10_000, true);
  inbox.begin({ kind: "commit", commitLsn: 10n });
  inbox.keepalive(5n);
  assert.equal(inbox.positions.confirmed, 0n);
  void inbox.add(item(1), 1);
  inbox.end(11n);
  inbox.handled(inbox.first!);
  assert.equal(inbox.positions.confirmed, 11n);
});

test("after a lost connection a begun transaction continues behind the changes that were received", () => {
  const inbox = new Inbox<Item>(10_000, true);
  inbox.begin({ kind: "commit", commitLsn: 10n });
  for (const n of [1, 2, 3]) void inbox.add(item(n), 1);
  const unit = inbox.first!;
  inbox.begun(unit);
  assert.equal(inbox.take(unit).n, 1);
  inbox.interrupted();
  assert.equal(inbox.positions.resumeAt, 0n);
  inbox.begin({ kind: "commit", commitLsn: 10n });
  void inbox.add({ kind: "relation", n: 0 }, 1);
  for (const n of [1, 2, 3, 4]) void inbox.add(item(n), 1);
  inbox.end(11n);
  assert.equal(inbox.first, unit);
  assert.deepEqual([inbox.take(unit).n, inbox.take(unit).n, inbox.take(unit).n], [2, 3, 4]);
  assert.equal(unit.ready, 0);
  assert.ok(unit.isComplete);
});

test("a transaction that the reader has not begun is dropped with its connection", () => {
  const inbox = new Inbox<Item>(10_000, true);
  inbox.begin({ kind: "commit", commitLsn: 10n });
  void inbox.add(item(1), 1);
  inbox.interrupted();
  assert.equal(inbox.first, undefined);
  assert.equal(inbox.positions.pending, 0);
});

test("another history behind an interrupted transaction is an error, and no gap", () => {
  for (
    const [begin, ends, message] of [
      [
        20n,
        false,
        /0\/A was interrupted by a lost connection, and now the server sends the one at 0\/14/,
      ],
      [10n, true, /now the server sends less of it/],
    ] as const
  ) {
    const inbox = new Inbox<Item>(10_000, true);
    inbox.begin({ kind: "commit", commitLsn: 10n });
    void inbox.add(item(1), 1);
    inbox.begun(inbox.first!);
    inbox.interrupted();
    assert.throws(() => {
      inbox.begin({ kind: "commit", commitLsn: begin });
      if (ends) inbox.end(11n);
    }, message);
  }
});

test("the connection is held back by a full window, and let go when half of it was taken", async () => {
  const inbox = new Inbox<Item>(2058, true);
  inbox.begin({ kind: "commit", commitLsn: 10n });
  assert.equal(inbox.add(item(1), 5), undefined);
  const held = inbox.add(item(2), 5);
  assert.ok(held instanceof Promise);
  inbox.take(inbox.first!);
  await held;
});

test("the positions of a manual stream move by confirm() only", () => {
  const inbox = new Inbox<Item>(10_000, false);
  inbox.begin({ kind: "commit", commitLsn: 10n });
  void inbox.add(item(1), 1);
  inbox.end(11n);
  const unit = inbox.first!;
  inbox.handled(unit);
  inbox.keepalive(100n);
  assert.equal(inbox.positions.confirmed, 0n);
  inbox.confirm(unit);
  assert.equal(inbox.positions.confirmed, 100n);
});

test("pain 22: durations of the server's settings, and the interval of statuses that follows", () => {
  const texts = { "1min": 60, "4s": 4, "500ms": 0.5, "0": 0, "1h": 3600, "2d": 172_800 };
  for (const [text, seconds] of Object.entries(texts)) assert.equal(secondsOf(text), seconds, text);
  assert.equal(statusInterval(undefined, 60), 10);
  assert.equal(statusInterval(undefined, 3), 1);
  assert.equal(statusInterval(undefined, 0), 10);
  assert.equal(statusInterval(5, 60), 5);
  assert.equal(statusInterval(30, 60), 10, "a longer interval would lose the connection");
});

test("failures are retried, waited for, or final", () => {
  const lost = new OperationalError("connection lost", { code: "08006" });
  const refused = new OperationalError("password", { code: "28P01" });
  assert.equal(consequenceOf(lost, true), "retry");
  assert.equal(consequenceOf(lost, false), "fatal", "a server that was never reached");
  assert.equal(consequenceOf(refused, true), "fatal");
  const full = new ReplicationSetupError("limit", "max_wal_senders");
  assert.deepEqual([true, false].map((was) => consequenceOf(full, was)), ["retry", "fatal"]);
  assert.equal(consequenceOf(new SlotBusyError("s", 1), false), "busy");
  assert.equal(consequenceOf(new SlotLostError("s", "missing"), true), "lost");
  assert.equal(consequenceOf(new InterfaceError("x"), true), "fatal");
  const closed = new InterfaceError("connection is closed", { safeToRetry: true });
  assert.equal(consequenceOf(closed, true), "retry", "lost between two commands");
  assert.equal(consequenceOf(closed, false), "fatal");
  assert.equal(consequenceOf(new TypeError("x"), true), "fatal");
  const coded = (code: string) => consequenceOf(new DatabaseError("of the server", { code }), true);
  assert.deepEqual(["57P01", "XX000", "XX001"].map(coded), ["retry", "fault", "fatal"]);
});

test("an internal error of the server is met with five attempts, unless something has come", () => {
  const backoff = new Backoff(1);
  const five = [true, true, true, true, true, false];
  assert.deepEqual(five.map(() => backoff.allowsFault()), five);
  backoff.lasted();
  assert.equal(backoff.allowsFault(), false);
  backoff.advanced();
  assert.deepEqual(five.map(() => backoff.allowsFault()), five);
});

test("pauses between attempts double up to a limit and are shortened at random", () => {
  const backoff = new Backoff(1, () => 0);
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => backoff.next()), [0.1, 0.2, 0.4, 0.8, 1, 1]);
  backoff.succeeded();
  assert.equal(backoff.attempts, 0);
  assert.equal(backoff.next(), 1, "the stream has ended at once");
  backoff.lasted();
  assert.equal(backoff.next(), 0.1);
  assert.equal(new Backoff(1, () => 1).next(), 0.05);
});

test("a silent server is asked, and given up when it has not answered three times", () => {
  const silence = new Silence(3);
  const at = (...seconds: number[]) => seconds.map((second) => silence.tick(second * 1000));
  assert.deepEqual(at(0, 1, 2, 3, 4, 5), ["well", "well", "ask", "ask", "ask", "gone"]);
  silence.messages++;
  assert.deepEqual(
    at(6, 60, 61, 62, 63),
    ["well", "ask", "ask", "ask", "gone"],
    "a stopped process",
  );
  silence.isHeld = true;
  assert.deepEqual(at(70, 80, 90), ["well", "well", "well"], "nothing can come");
});
