/** The order in which a client's queries are sent, refused and ended, where `pg` gives no measure. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { to } from "../../src/compat/pg/copy_streams.ts";
import Cursor from "../../src/compat/pg/cursor.ts";
import type { Client } from "../../src/compat/pg/pg.ts";
import { login, ours, outcome } from "./compat_pg_pair.ts";

async function withClient(work: (client: Client) => Promise<void>): Promise<void> {
  const client = new ours.Client(await login());
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

test("compat/pg: errors of listeners and callbacks are uncaught; the connection goes on", async () => {
  const file = fileURLToPath(new URL("compat_pg_throwing.ts", import.meta.url));
  const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  const parameters = [...flags, file, JSON.stringify(await login())];
  const { stdout } = spawnSync(process.execPath, parameters, { encoding: "utf8", timeout: 30_000 });
  const [uncaught, rows] = JSON.parse(stdout);
  const events = ["callback", "drain", "end", "notice", "notification", "row"];
  assert.deepEqual(uncaught.sort(), events);
  assert.deepEqual(rows, [{ n: 4 }]);
});

test("compat/pg: a query that cannot be written fails after query() has returned", () =>
  withClient(async (client) => {
    const order: string[] = [];
    const text = "select $1::text as t";
    await client.query(text, ["x"]);
    const promise = client.query(text, ["\ud800"]).catch(({ message }) => order.push(message));
    client.query(text, ["\ud800"], () => order.push("called back"));
    order.push("returned");
    await promise;
    await client.query(text, ["y"]);
    assert.equal(order.length, 3);
    assert.equal(order[0], "returned");
    assert.match(order[1]!, /^parameter \$1: /);
    assert.equal(order[2], "called back");
  }));

test("compat/pg: callbacks run in the asynchronous context of their query", () =>
  withClient(async (client) => {
    const spans = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const ask = (span: string, values: unknown[]): Promise<void> =>
      spans.run(
        span,
        () =>
          new Promise((resolve) =>
            client.query("select $1::int as n", values, () => {
              seen.push(spans.getStore());
              resolve();
            })
          ),
      );
    for (const round of ["first", "second"]) await ask(round, [1]);
    await Promise.all([ask("a", [1]), client.query("select $1::int as n", [2]), ask("b", [3])]);
    assert.deepEqual(seen, ["first", "second", "a", "b"]);
  }));

test("compat/pg: tools for tracing find the newest query, and may replace its callback", () =>
  withClient(async (client) => {
    const traced: string[] = [];
    for (const before of [0, 2]) {
      const others = Array.from({ length: before }, () => client.query("select 1"));
      const promise = client.query({ text: "select 5 as n", name: "five" });
      const { _queryQueue: queue, _activeQuery: active } = client;
      assert.equal(queue.length, before);
      const newest = (queue.at(-1) ?? active)! as InstanceType<typeof ours.Query>;
      const { callback } = newest;
      newest.callback = (error, result) => {
        traced.push(`${newest.text} ${client._activeQuery}`);
        callback!(error, result);
      };
      assert.deepEqual((await promise).rows, [{ n: 5 }]);
      await Promise.all(others);
    }
    assert.deepEqual(traced, ["select 5 as n null", "select 5 as n null"]);
    assert.equal(client._activeQuery, null);
    assert.deepEqual(client._queryQueue, []);
  }));

test("compat/pg: a parser that is set between runs of a kept statement is used by the next", () =>
  withClient(async (client) => {
    const run = async (): Promise<unknown> =>
      (await client.query("select 1::int4 as n", [])).rows[0];
    for (let i = 0; i < 3; i++) assert.deepEqual(await run(), { n: 1 });
    client.setTypeParser(23, (text) => `own ${text}`);
    for (let i = 0; i < 2; i++) assert.deepEqual(await run(), { n: "own 1" });
    client._types.text = {};
    for (let i = 0; i < 2; i++) assert.deepEqual(await run(), { n: 1 });
  }));

test("compat/pg: a Query has listeners of its own", () => {
  const [one, other] = [new ours.Query("select 1"), new ours.Query("select 1")];
  const seen: unknown[] = [];
  assert.equal(one.emit("row", 0), false);
  one.on("row", (row: unknown) => seen.push(row));
  assert.deepEqual([one.listenerCount("row"), other.listenerCount("row")], [1, 0]);
  assert.equal(one.emit("row", 1), true);
  assert.equal(other.emit("row", 2), false);
  assert.deepEqual(seen, [1]);
  assert.throws(() => other.emit("error", new RangeError("no listener")), RangeError);
});

test("compat/pg: 20,000 queries at once end in their order", () =>
  withClient(async (client) => {
    let next = 0;
    const all = Array.from({ length: 20_000 }, (_, i) =>
      client.query({ text: "select $1::int as i", values: [i], rowMode: "array" })
        .then(() =>
          assert.equal(i, next++)
        ));
    await Promise.all(all);
    assert.equal(
      await outcome(client.query("select 1 as last")).then((text) => text.includes("last")),
      true,
    );
  }));

test("compat/pg: a client that could not connect refuses queries", async () => {
  const client = new ours.Client(await login({ database: "missing" }));
  const queued = outcome(client.query("select 1"));
  await assert.rejects(client.connect(), /does not exist/);
  const message = /Connection terminated unexpectedly/;
  assert.match(await queued, message);
  assert.match(await outcome(client.query("select 1")), message);
});

test("compat/pg-copy-streams: rows of all sizes arrive whole, whatever the reader's pace", () =>
  withClient(async (client) => {
    const rows = "select repeat('é', i * i % 40000) || i from generate_series(1, 400) i";
    const source = client.query(to(`copy (${rows}) to stdout`));
    const chunks: Buffer[] = [];
    for await (const chunk of source) {
      chunks.push(chunk);
      if (chunks.length % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const { rows: [whole] } = await client.query(
      `select md5(string_agg(t, E'\\n') || E'\\n') as sum from (${rows}) as x (t)`,
    );
    const sum = createHash("md5").update(Buffer.concat(chunks)).digest("hex");
    assert.deepEqual({ sum, count: source.rowCount }, { sum: whole!.sum, count: 400 });
  }));

test("compat/pg-cursor: an overridden handleDataRow() gets the rows; names may be __proto__", () =>
  withClient(async (client) => {
    const text = 'select 1 as n, 2 as "__proto__"';
    class Own extends Cursor {
      readonly seen: unknown[] = [];
      override handleDataRow(message: { fields: (string | Uint8Array | null)[] } & object): void {
        this.seen.push(message.fields);
        super.handleDataRow(message as never);
      }
    }
    const own = client.query(new Own(text));
    const [mine] = await own.read(1);
    await own.close();
    const plain = client.query(new Cursor(text));
    const [usual] = await plain.read(1);
    await plain.close();
    assert.deepEqual(own.seen, [["1", "2"]]);
    for (const row of [mine, usual]) {
      assert.deepEqual(Object.entries(row as object), [["n", 1], ["__proto__", 2]]);
    }
  }));
