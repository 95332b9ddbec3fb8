import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, OperationalError } from "../../mod.ts";
import { shared, untilActive, withDatabase } from "../_kit/databases.ts";
import { assertUsable } from "../_kit/outcomes.ts";
import { faultProxy } from "../_kit/fault_proxy.ts";
import { sharedServer, terminate } from "../_kit/servers.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

/** More than is ever read ahead. */
const LONG = "select i from generate_series(1, 300000) i";
const SERIES = "select i from generate_series(1, 10000) i";

const STOPS: readonly (readonly [
  where: string,
  read: (db: Connection, stop: () => void, signal: AbortSignal) => Promise<void>,
])[] = [
  ["before it begins", async (db, stop, signal) => {
    stop();
    for await (const _ of db.query(SERIES, [], { signal })) assert.fail();
  }],
  ["in the loop", async (db, stop, signal) => {
    for await (const row of db.query(SERIES, [], { signal })) if (row.i === 100) stop();
  }],
  ["in a loop that waits", async (db, stop, signal) => {
    for await (const _ of db.query(SERIES, [], { signal })) {
      stop();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }],
  ["while the server works", async (db, stop, signal) => {
    const text = "select pg_sleep(300) /* stopped */ from generate_series(1, 2)";
    untilActive(db, "stopped").then(stop);
    for await (const _ of db.query(text, [], { signal })) assert.fail();
  }],
];

for (const [where, read] of STOPS) {
  test(`stream: aborted ${where}, it rejects with the signal's reason`, () =>
    withDatabase(async (db) => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const done = read(db, () => controller.abort(reason), controller.signal);
      await assert.rejects(done, (error) => error === reason);
      await assertUsable(db);
    }));

  test(`stream: aborted ${where} inside a transaction, it rejects with the signal's reason`, () =>
    withDatabase(async (db) => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const stop = (): void => controller.abort(reason);
      const work = db.transaction((tx) =>
        read(
          Object.create(tx, {
            processId: { value: db.processId },
            parameterStatuses: { value: db.parameterStatuses },
            query: { value: tx.query.bind(tx) },
          }),
          stop,
          controller.signal,
        )
      );
      await assert.rejects(work, (error) => error === reason);
      await assertUsable(db);
    }));
}

test("stream: timeout bounds each wait for rows, not the loop", () =>
  withDatabase(async (db) => {
    const slow = "select i, case when i > 64 then pg_sleep(300) end from generate_series(1, 70) i";
    const read = async (timeout: number): Promise<number> => {
      let rows = 0;
      for await (const _ of db.query(slow, [], { timeout })) {
        if (++rows === 1) await new Promise((resolve) => setTimeout(resolve, 400));
      }
      return rows;
    };
    await assert.rejects(read(0.2), { name: "OperationalError", code: "57014", message: /0.2 s/ });
    let rows = 0;
    for await (const _ of db.query(SERIES, [], { timeout: 0.3 })) {
      if (++rows === 100) await new Promise((resolve) => setTimeout(resolve, 600));
    }
    assert.equal(rows, 10_000);
    await assertUsable(db);
  }));

test("stream: a reader who takes his time is not taken for a dead server", () =>
  withDatabase(async (db) => {
    let rows = 0;
    for await (const _ of db.query(SERIES)) {
      if (++rows === 100) await new Promise((resolve) => setTimeout(resolve, 1500));
    }
    assert.equal(rows, 10_000);
  }, { timeout: 0.5 }));

test("stream: cancel() of the query and of the connection", () =>
  withDatabase(async (db) => {
    const own = db.query(LONG);
    const left = async (stop: () => void | Promise<void>, query = own): Promise<void> => {
      for await (const row of query) if (row.i === 70) await stop();
    };
    await assert.rejects(left(() => own.cancel()), { code: "57014", name: "OperationalError" });
    await assertUsable(db);
    await assert.rejects(left(() => db.cancel()), { code: "57014", name: "OperationalError" });
    await assertUsable(db);
  }));

test("stream: the backend's death ends the loop with the reason", () =>
  withDatabase(async (db) => {
    const read = async (): Promise<void> => {
      let rows = 0;
      for await (const _ of db.query(LONG)) {
        if (++rows === 100) await terminate(db);
      }
    };
    await assert.rejects(read(), (error) => error instanceof OperationalError);
    await db.closed;
  }));

test("stream: a connection that breaks, and destroy(), end the loop", () =>
  withoutUnhandled(async () => {
    for (const how of ["reset", "destroy"] as const) {
      const server = await sharedServer();
      const proxy = await faultProxy(server);
      const db = await connect(await shared({ host: proxy.host, port: proxy.port }));
      const read = async (): Promise<void> => {
        let rows = 0;
        for await (const _ of db.query(LONG)) {
          if (++rows !== 100) continue;
          if (how === "reset") await proxy.close();
          else db.destroy(new Error("mine"));
        }
      };
      await assert.rejects(read(), (error) => error instanceof OperationalError);
      await db.closed;
      await proxy.close();
    }
  }));
