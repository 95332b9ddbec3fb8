import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, InterfaceError, OperationalError } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { until } from "../_kit/waiting.ts";
import { terminate } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

function withTwo(body: (db: Connection, other: Connection) => Promise<void>): Promise<void> {
  return withoutUnhandled(() => withDatabase((db) => withDatabase((other) => body(db, other))));
}

async function channels(db: Connection): Promise<unknown[]> {
  const rows = await db.query("select pg_listening_channels() as c order by 1", [], {
    rows: "array",
  });
  return [...rows].map((row) => (row as unknown as unknown[])[0]);
}

async function payloads(
  subscription: AsyncIterable<{ payload: string }>,
  count: number,
): Promise<string[]> {
  const list: string[] = [];
  for await (const { payload } of subscription) {
    list.push(payload);
    if (list.length === count) break;
  }
  return list;
}

test("listen: notifications reach an idle connection, with channel, payload and process", async () => {
  await withTwo(async (db, other) => {
    const subscription = await db.listen("cornac_idle");
    await other.notify("cornac_idle", "hello");
    await other.notify("cornac_idle");
    const processId = await other.query("select pg_backend_pid()").scalar<number>();
    const channel = "cornac_idle";
    assert.deepEqual(await subscription.next(), {
      done: false,
      value: { channel, payload: "hello", processId },
    });
    assert.deepEqual(await subscription.next(), {
      done: false,
      value: { channel, payload: "", processId },
    });
    assert.equal(db.notifications.length, 2);
    await subscription.close();
  });
});

test("listen: names are taken as they are, with quotes and capitals", async () => {
  await withTwo(async (db, other) => {
    for (const name of ['Odd "Name"; drop', "UPPER", "ü".repeat(31), "a.b", "'"]) {
      const subscription = await db.listen(name);
      assert.deepEqual(await channels(db), [name]);
      await other.notify(name, "x");
      assert.deepEqual(await payloads(subscription, 1), ["x"]);
    }
    assert.deepEqual(await channels(db), []);
  });
});

test("listen: several subscriptions to a channel share one LISTEN, and each gets everything", async () => {
  await withTwo(async (db, other) => {
    const [one, two] = await Promise.all([db.listen("cornac_c"), db.listen("cornac_c")]);
    const elsewhere = await db.listen("cornac_d");
    await other.notify("cornac_c", "1");
    assert.deepEqual(await payloads(one!, 1), ["1"]);
    assert.deepEqual(await channels(db), ["cornac_c", "cornac_d"]);
    await other.notify("cornac_c", "2");
    assert.deepEqual(await payloads(two!, 2), ["1", "2"]);
    assert.deepEqual(await channels(db), ["cornac_d"]);
    assert.deepEqual(await one!.next(), { done: true, value: undefined });
    await elsewhere[Symbol.asyncDispose]();
    assert.deepEqual(await channels(db), []);
    const again = await db.listen("cornac_c");
    await other.notify("cornac_c", "3");
    assert.deepEqual(await payloads(again, 1), ["3"]);
  });
});

test("listen: a subscription closed and opened at once listens", async () => {
  await withTwo(async (db, other) => {
    const first = await db.listen("cornac_again");
    const [, second] = await Promise.all([first.close(), db.listen("cornac_again")]);
    await other.notify("cornac_again", "x");
    assert.deepEqual(await payloads(second, 1), ["x"]);
  });
});

test("listen: a waiting reader learns of close(), and of the connection's close and loss", async () => {
  await withTwo(async (db, other) => {
    const closed = await db.listen("cornac_e");
    const waiting = [closed.next(), closed.next()];
    await closed.close();
    await closed.close();
    const done = { done: true, value: undefined };
    assert.deepEqual(await Promise.all(waiting), [done, done]);

    const subscription = await db.listen("cornac_e");
    await other.notify("cornac_e", "last");
    await until(() => db.notifications.length > 0);
    await db.close();
    assert.equal((await subscription.next()).value?.payload, "last");
    assert.deepEqual(await subscription.next(), done);
    assert.ok(await failure(db.listen("cornac_e")) instanceof InterfaceError);
  });
  await withTwo(async (db) => {
    const subscription = await db.listen("cornac_e");
    const next = failure(subscription.next());
    await terminate(db);
    const error = await next;
    assert.ok(error instanceof OperationalError);
    assert.match(error.message, /terminating connection|^connection lost/);
    assert.equal(await failure(subscription.next()), error);
    await subscription.close();
  });
});

test("listen: a full queue ends the subscription with an error, or drops notifications, by option", async () => {
  await withTwo(async (db, other) => {
    const strict = await db.listen("cornac_f", { limit: 3 });
    const oldest = await db.listen("cornac_f", { limit: 3, overflow: "drop oldest" });
    const newest = await db.listen("cornac_f", { limit: 3, overflow: "drop newest" });
    for (let i = 1; i <= 5; i++) await other.notify("cornac_f", `${i}`);
    await until(() => db.notifications.length === 5);
    for (const payload of ["1", "2", "3"]) {
      assert.equal((await strict.next()).value?.payload, payload);
    }
    const error = await failure(strict.next());
    assert.ok(error instanceof OperationalError);
    assert.match(error.message, /"cornac_f" was ended: 3 notifications were not read/);
    assert.deepEqual(await payloads(oldest, 3), ["3", "4", "5"]);
    assert.deepEqual(await payloads(newest, 3), ["1", "2", "3"]);
    assert.deepEqual([strict.dropped, oldest.dropped, newest.dropped], [1, 2, 2]);
    assert.deepEqual(await channels(db), []);
  });
});

test("listen: is refused in a transaction; notify takes effect at the commit", async () => {
  await withTwo(async (db, other) => {
    const subscription = await other.listen("cornac_g");
    await db.transaction(async (tx) => {
      await tx.notify("cornac_g", "committed");
      assert.ok(await failure(db.listen("cornac_g")) instanceof InterfaceError);
    });
    await failure(db.transaction(async (tx) => {
      await tx.notify("cornac_g", "rolled back");
      throw new Error("no");
    }));
    await db.notify("cornac_g", "after");
    assert.deepEqual(await payloads(subscription, 2), ["committed", "after"]);
    const begun = db.query("begin").execute();
    assert.match(
      (await failure(db.listen("cornac_h"))).message,
      /cannot be called in a transaction/,
    );
    await begun;
    await db.query("rollback");
    await (await db.listen("cornac_h")).close();
    await assertUsable(db);
  });
});

test("listen: an abort ends a subscription with its reason, before it listens and after", async () => {
  await withTwo(async (db) => {
    const mine = new Error("mine");
    const controller = new AbortController();
    const { signal } = controller;
    const subscription = await db.listen("cornac_i", { signal });
    const waiting = db.listen("cornac_j", { signal });
    controller.abort(mine);
    assert.equal(await failure(waiting), mine);
    assert.equal(await failure(subscription.next()), mine);
    assert.equal(await failure(db.listen("cornac_i", { signal })), mine);
    await until(async () => (await channels(db)).length === 0);
  });
});

test("listen: the longest payload and name pass, longer ones and odd options are refused", async () => {
  await withTwo(async (db) => {
    const name = "n".repeat(63);
    const subscription = await db.listen(name);
    const payload = "p".repeat(7999);
    await db.notify(name, payload);
    assert.deepEqual(await payloads(subscription, 1), [payload]);
    assert.equal((await failure(db.notify("c", "p".repeat(8000)))).code, "22023");
    for (const bad of ["", "n".repeat(64), "ü".repeat(32), "a\0b", 7 as unknown as string]) {
      assert.ok(await failure(db.listen(bad)) instanceof InterfaceError);
    }
    assert.ok(await failure(db.notify("")) instanceof InterfaceError);
    assert.ok(await failure(db.listen("c", { limit: 0 })) instanceof InterfaceError);
    const overflow = "drop" as "error";
    assert.ok(await failure(db.listen("c", { overflow })) instanceof InterfaceError);
    await assertUsable(db);
  });
});

test("listen: what is sent behind the first listen() of a connection is heard", async () => {
  await withDatabase(async (db) => {
    const listening = db.listen("first");
    const others = [db.notify("first", "1"), db.query("select 1"), db.notify("first", "2")];
    const heard = await listening;
    await Promise.all(others);
    assert.equal((await heard.next()).value?.payload, "1");
    assert.equal((await heard.next()).value?.payload, "2");
  });
});
