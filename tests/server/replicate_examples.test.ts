/** The examples in examples/replication/. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "../../mod.ts";
import { writeAuditLog } from "../../examples/replication/audit_log.ts";
import { RowCache } from "../../examples/replication/cache.ts";
import { copyTables } from "../../examples/replication/copy.ts";
import { Dashboard } from "../../examples/replication/dashboard.ts";
import { keepIndex, SearchIndex } from "../../examples/replication/search_index.ts";
import { until } from "../_kit/waiting.ts";
import { type Place, withPlace } from "./replicate_server.ts";

/** Options of an example's stream: where it connects, and a signal that ends it. */
function optionsOf({ login }: Place, slot: string) {
  const stop = new AbortController();
  const name = `${slot}_${login.database!.slice(2)}`;
  return { stop, options: { ...login, slot: name, signal: stop.signal } };
}

test("example: a search index follows a table, and goes on where it was", () =>
  withPlace(async (place) => {
    await place.db.query(
      `create table articles (id int primary key, title text not null, body text);
      alter table articles alter body set storage external;
      insert into articles values (1, 'Elephants', 'are large'), (2, 'Mice', 'are small')`,
    ).simple().all();
    const index = new SearchIndex();
    const first = optionsOf(place, "search");
    const running = keepIndex(index, first.options);
    await until(() => index.search("are").length === 2);
    await place.db.query(
      `insert into articles values (3, 'Whales', 'are ' || repeat('very ', 3000) || 'large');
      update articles set title = 'Whale' where id = 3;
      update articles set id = 20, body = 'tiny' where id = 2; delete from articles where id = 1`,
    )
      .simple().all();
    await until(() => index.search("whale").length === 1 && index.search("elephants").length === 0);
    assert.deepEqual(index.search("large"), ["Whale"], "the large body was not sent again");
    assert.deepEqual(index.search("tiny"), ["Mice"]);
    first.stop.abort();
    await running;
    await place.db.query("update articles set title = 'Mouse' where id = 20").execute();
    const second = optionsOf(place, "search");
    const again = keepIndex(index, second.options);
    await until(() => index.search("mouse").length === 1);
    second.stop.abort();
    await again;
  }));

test("example: a copy in another database has each transaction once, however often it is killed", () =>
  withPlace(async (place) => {
    const shape = "create table stock (id int primary key, n int not null, note text)";
    await place.db.query(
      `${shape}; insert into stock select g, 0, 'new' from generate_series(1, 500) g`,
    )
      .simple().all();
    const name = `${place.login.database}_copy`;
    await place.cluster.query(`create database ${name}`);
    const target = await connect({ ...place.login, database: name });
    try {
      await target.query(shape).execute();
      const { stop, options } = optionsOf(place, "copy");
      const running = copyTables(target, ["public.stock"], {
        ...options,
        reconnect: { maxDelay: 0.1 },
      });
      for (let i = 1; i <= 60; i++) {
        await place.db.query(
          "update stock set n = n + 1, note = note || '.' where id % 7 = $1::int % 7",
          [i],
        )
          .execute();
        if (i % 20 === 0) {
          await place.cluster.query(
            `select pg_terminate_backend(active_pid)
            from pg_replication_slots join pg_stat_replication on pid = active_pid
            where database = '${place.login.database}' and not temporary`,
          );
        }
      }
      await place.db.query(
        "delete from stock where id > 490; update stock set id = 1000 where id = 1",
      )
        .simple().all();
      const content = "select md5(string_agg(s::text, ',' order by id)) from stock s";
      const wanted = await place.db.query(content).scalar();
      const copied = until(async () =>
        (await place.cluster.query(content, name))[0]![0] === wanted
      );
      await Promise.race([running, copied]);
      stop.abort();
      await running;
    } finally {
      target.destroy();
      await place.cluster.query(`drop database ${name} with (force)`);
    }
  }));

test("example: an audit log has every change, in files that are replaced when they are full", () =>
  withPlace(async (place) => {
    const folder = mkdtempSync(join(tmpdir(), "audit-"));
    try {
      const { stop, options } = optionsOf(place, "audit");
      const running = writeAuditLog(folder, 2000, options);
      await until(async () => (await place.slots()).length === 1);
      for (let i = 0; i < 5; i++) {
        await place.db.query(
          "insert into t select g, 'row' from generate_series($1::int, $1::int + 99) g",
          [
            i * 100,
          ],
        ).execute();
        await until(() => linesOf(folder).length === (i + 1) * 100);
      }
      const lines = linesOf(folder).map((line) => JSON.parse(line));
      assert.equal(readdirSync(folder).length, 5);
      assert.deepEqual(lines.map((line) => line.new.id), Array.from({ length: 500 }, (_, i) => i));
      assert.equal(new Set(lines.map((line) => line.id)).size, 500);
      stop.abort();
      await running;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }));

function linesOf(folder: string): string[] {
  return readdirSync(folder).sort().flatMap((name) =>
    readFileSync(join(folder, name), "utf8").split("\n").filter((line) => line !== "")
  );
}

test("example: a cache forgets a row that has changed", () =>
  withPlace(async (place) => {
    await place.insert(1, 2);
    const cache = new RowCache((id) =>
      place.db.query("select name from t where id = $1", [id]).scalar()
    );
    const stop = new AbortController();
    const running = cache.follow("public.t", { ...place.login, signal: stop.signal });
    await until(async () => (await place.slots()).some((slot) => slot.endsWith("*")));
    assert.equal(await cache.get(1), "n1");
    await place.db.query("update t set name = 'changed' where id = 1").execute();
    await until(async () => await cache.get(1) === "changed");
    assert.equal(await cache.get(2), "n2");
    stop.abort();
    await running;
    await until(async () => (await place.slots()).length === 0);
  }));

test("example: a dashboard shows the orders by server-sent events", () =>
  withPlace(async (place) => {
    await place.db.query(
      "create table orders (id int primary key, total numeric); insert into orders values (1, 5)",
    )
      .simple().all();
    const dashboard = new Dashboard();
    const { stop, options } = optionsOf(place, "dashboard");
    const running = dashboard.follow(options);
    const page = await dashboard.handler(new Request("http://localhost/")).text();
    assert.match(page, /new EventSource\("\/events"\)/);
    const events = dashboard.handler(new Request("http://localhost/events"));
    assert.equal(events.headers.get("content-type"), "text/event-stream");
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    const shows = async (text: string): Promise<void> => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || value.includes(text)) return assert.ok(!done, text);
      }
    };
    await shows('{"orders":1,"sum":5}');
    await place.db.query("insert into orders values (2, 7.5)").execute();
    await shows('{"orders":2,"sum":12.5}');
    stop.abort();
    await running;
    await reader.cancel();
  }));
