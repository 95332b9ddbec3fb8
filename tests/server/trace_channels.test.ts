/** Publication by `node:diagnostics_channel`, and its cost without subscribers. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { channel, tracingChannel } from "node:diagnostics_channel";
import { test } from "node:test";
import { connect, PgError } from "../../mod.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { DiagnosticsChannel } from "../../src/runtime/runtime.ts";
import { Trace } from "../../src/trace.ts";
import { collector } from "../_kit/collector.ts";
import { behind, shared, withDatabase } from "../_kit/databases.ts";
import { textOf } from "../_kit/outcomes.ts";
import { faultProxy } from "../_kit/fault_proxy.ts";
import { sharedServer } from "../_kit/servers.ts";
import { traced } from "../_kit/traces.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { pause } from "../_kit/waiting.ts";

const COPY_OUT = "copy (select 1) to stdout";
const SERIES = "select i from generate_series(1, $1::int) as i";

for (const how of ["terminated", "reset", "destroyed"] as const) {
  test(
    `trace: when the connection breaks, all that is under way ends (${how})`,
    () =>
      withoutUnhandled(async () => {
        const proxy = await faultProxy(await sharedServer());
        const all = await traced(async () => {
          const db = await connect(await shared({ host: proxy.host, port: proxy.port }));
          const transaction = await db.begin();
          const queries = [1, 2, 3].map(() => transaction.query("select pg_sleep(60)").execute());
          const outcomes = Promise.allSettled(queries);
          await new Promise((resolve) => setTimeout(resolve, 50));
          if (how === "terminated") await behind(`select pg_terminate_backend(${db.processId})`);
          else if (how === "reset") proxy.cut("reset");
          else db.destroy();
          for (const { status } of await outcomes) assert.equal(status, "rejected");
          await db.closed;
        });
        await proxy.close();
        const kinds = all.map(({ kind }) => kind).join(" ");
        assert.equal(kinds, "connect transaction query query query");
        assert.ok(all.slice(2).every(({ message }) => message.error instanceof PgError));
      }),
  );
}

test("traced(): what others do meanwhile is none of its operations", () =>
  withDatabase((db) =>
    withDatabase(async (other) => {
      let over = false;
      const others = (async () => {
        while (!over) await other.query("select 'theirs'");
      })();
      const all = await traced(async () => {
        for (let i = 0; i < 3; i++) await db.query("select 'mine'");
      });
      over = true;
      await others;
      // deno-fmt-ignore
      assert.deepEqual(all.map(({ message }) => message["db.query.text"]), [
        "select 'mine'", "select 'mine'", "select 'mine'",
      ]);
    })
  ));

test("trace: what is bound to start holds in the operation, and for all that is called in it", () =>
  withDatabase(async (db) => {
    const spans = new AsyncLocalStorage<string>();
    const parents: unknown[] = [];
    const name = (message: unknown): string => {
      parents.push(spans.getStore());
      return `${Object(message)["db.operation.name"] ?? Object(message)["db.query.text"]}`;
    };
    const starts = ["query", "transaction"].map((kind) =>
      tracingChannel(`cornac.pg:${kind}`).start
    );
    for (const start of starts) start.bindStore(spans as never, name as never);
    try {
      await spans.run("request", async () => {
        await db.query("select 1");
        await db.transaction(async (tx) => {
          assert.equal(spans.getStore(), "TRANSACTION");
          await tx.query("select 2");
          await tx.savepoint((inner) => inner.query("select 3"));
        });
        assert.equal(spans.getStore(), "request");
      });
    } finally {
      for (const start of starts) start.unbindStore(spans as never);
    }
    assert.deepEqual(parents, ["request", "request", "TRANSACTION", "TRANSACTION", "SAVEPOINT"]);
  }));

test("trace: one event listened to is enough, and what began unwatched is not told of", () =>
  withDatabase(async (db) => {
    const ended: unknown[] = [];
    const note = (message: unknown): void => void ended.push(Object(message)["db.query.text"]);
    const ends = channel("tracing:cornac.pg:query:asyncEnd");
    const unwatched = db.query("select 'before'").execute();
    ends.subscribe(note);
    await unwatched;
    await db.query("select 'watched'");
    ends.unsubscribe(note);
    await db.query("select 'after'");
    assert.deepEqual(ended, ["select 'watched'"]);
  }));

test("trace: without subscribers nothing is published or allocated", async () => {
  const runtime = await detectRuntime();
  let looks = 0;
  const deaf: DiagnosticsChannel = {
    get hasSubscribers() {
      looks++;
      return false;
    },
    publish: () => assert.fail("published"),
    runStores: () => assert.fail("published"),
  };
  const { open } = Trace.prototype;
  Trace.prototype.open = () => assert.fail("a message was made");
  try {
    await withDatabase(async (db) => {
      await db.query("select 1");
      looks = 0;
      for (let i = 0; i < 10; i++) await db.query("select 1");
      assert.equal(looks, 10 * 5);
      for await (const _ of db.query(SERIES, [3]));
      await db.batch([{ text: "select 1" }]);
      await db.transaction((tx) => tx.query("select 1").simple());
      await textOf(db.copyTo(COPY_OUT));
      await (await db.begin()).rollback();
    }, { runtime: { ...runtime, channel: () => deaf } });
  } finally {
    Trace.prototype.open = open;
  }
});

test("trace: a runtime without channels runs all the same", async () => {
  const { channel: _, ...runtime } = await detectRuntime();
  await withDatabase(async (db) => {
    assert.equal(await db.query("select 1 as n").scalar(), 1);
    await db.transaction((tx) => tx.query("select 1"));
  }, { runtime });
});

const collect = collector();

test("trace: a query is published when earlier connections were collected with their channels", {
  skip: collect === undefined && "the collector cannot be called here",
}, async () => {
  for (let i = 0; i < 3; i++) {
    await withDatabase(async (db) => void await db.query("select 1"));
    collect!();
    await withDatabase(async (db) => {
      await pause(0.02); // for the finalizers of what was collected
      const all = await traced(async () => void await db.query("select 'published'"));
      assert.equal(all.length, 1);
    });
  }
});
