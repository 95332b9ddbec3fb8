import assert from "node:assert/strict";
import { test } from "node:test";
import PeerCursor from "pg-cursor";
import PeerQueryStream from "pg-query-stream";
import { from, to } from "../../src/compat/pg/copy_streams.ts";
import { Cursor } from "../../src/compat/pg/cursor.ts";
import type { Client } from "../../src/compat/pg/pg.ts";
import { QueryStream } from "../../src/compat/pg/query_stream.ts";
import { textOf } from "../_kit/outcomes.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { alike, login, ours, peer, type PgModule, shown } from "./compat_pg_pair.ts";

type Log = string[];

/** A cursor of the package `pg-cursor`, which is a Submittable. */
interface CursorLike {
  read(count: number): Promise<unknown[]>;
  close(): Promise<void>;
}

/** The classes of a scenario: those of the packages, or of this driver. */
interface Kit {
  readonly Cursor: new (text: string, values?: unknown[]) => unknown;
  readonly QueryStream: new (text: string, values?: unknown[], config?: object) => unknown;
}

const PACKAGES: Kit = { Cursor: PeerCursor, QueryStream: PeerQueryStream };
const OWN: Kit = { Cursor, QueryStream };

const SCENARIOS: readonly (readonly [
  fact: string,
  scenario: (client: Client, log: Log, kit: Kit) => Promise<void>,
])[] = [
  ["a cursor reads in parts", async (client, log, kit) => {
    const cursor = client.query(
      new kit.Cursor("select n, n::text as t from generate_series(1, $1::int) n", [5]) as never,
    ) as CursorLike;
    log.push(shown(await cursor.read(2)), shown(await cursor.read(2)), shown(await cursor.read(2)));
    log.push(shown(await cursor.read(2)));
    await cursor.close();
    log.push(shown((await client.query("select 1 as after")).rows));
  }],
  ["a cursor is closed early", async (client, log, kit) => {
    const text = "select generate_series(1, 100000) as n";
    const cursor = client.query(new kit.Cursor(text) as never) as CursorLike;
    log.push(shown(await cursor.read(1)));
    const waiting = client.query("select 2 as after");
    await cursor.close();
    log.push(shown((await waiting).rows));
  }],
  ["a cursor's query fails", async (client, log, kit) => {
    for (const text of ["selec", "select 1 / (2 - n) from generate_series(1, 3) n"]) {
      const cursor = client.query(new kit.Cursor(text) as never) as CursorLike;
      for (let i = 0; i < 2; i++) {
        await cursor.read(1).then(
          (rows) => log.push(shown(rows)),
          (error: Error) => log.push(alike(shown(error))),
        );
      }
    }
    log.push(shown((await client.query("select 3 as after")).rows));
  }],
  ["queries before and behind a cursor are run in their order", async (client, log, kit) => {
    await client.query("create temp sequence turns");
    const text = "select nextval('turns')::int as n";
    const before = client.query(text);
    const cursor = client.query(new kit.Cursor(text) as never) as CursorLike;
    const behind = client.query(text);
    // pg-cursor calls back in a turn of its own, before or after the answer to the query behind it.
    const read = await cursor.read(10);
    await cursor.read(10);
    for (const rows of [(await before).rows, read, (await behind).rows]) log.push(shown(rows));
  }],
  ["a stream of rows", async (client, log, kit) => {
    const stream = client.query(
      new kit.QueryStream("select generate_series(1, 250) as n", [], { batchSize: 100 }) as never,
    ) as unknown as AsyncIterable<unknown>;
    const rows: unknown[] = [];
    for await (const row of stream) rows.push(row);
    log.push(`${rows.length} ${shown(rows.slice(-2))}`);
    log.push(shown((await client.query("select 4 as after")).rows));
  }],
  ["a stream that is left early", async (client, log, kit) => {
    const stream = client.query(
      new kit.QueryStream("select generate_series(1, 10000) as n") as never,
    ) as unknown as AsyncIterable<unknown>;
    for await (const row of stream) {
      log.push(shown(row));
      break;
    }
    log.push(shown((await client.query("select 5 as after")).rows));
  }],
];

async function observed(
  pg: PgModule,
  kit: Kit,
  scenario: (client: Client, log: Log, kit: Kit) => Promise<void>,
): Promise<Log> {
  const log: Log = [];
  const client = new pg.Client(await login());
  await client.connect();
  try {
    await scenario(client, log, kit);
  } finally {
    await client.end();
  }
  return log;
}

for (const [fact, scenario] of SCENARIOS) {
  test(`compat/pg: ${fact}: the packages and our own classes do as on pg`, () =>
    withoutUnhandled(async () => {
      const theirs = await observed(peer, PACKAGES, scenario);
      assert.deepEqual(await observed(ours, PACKAGES, scenario), theirs);
      assert.deepEqual(await observed(ours, OWN, scenario), theirs);
    }));
}

test("compat/pg: a pool leases a client for a stream, and takes it back at the end", () =>
  withoutUnhandled(async () => {
    const pool = new ours.Pool({ ...await login(), max: 1 });
    const stream = new QueryStream("select generate_series(1, 3) as n");
    const rows: unknown[] = [];
    stream.on("data", (row: unknown) => rows.push(row));
    await pool.query(stream as never);
    assert.deepEqual(rows, [{ n: 1 }, { n: 2 }, { n: 3 }]);
    const failing = new QueryStream("selec");
    failing.on("error", () => {});
    await assert.rejects(pool.query(failing as never), { code: "42601" });
    assert.equal((await pool.query("select 1")).rowCount, 1);
    await pool.end();
  }));

test("compat/pg: COPY as streams, both ways", () =>
  withoutUnhandled(async () => {
    const client = new ours.Client(await login());
    await client.connect();
    await client.query("create temp table copied (n int, t text)");
    const sink = client.query(from("copy copied from stdin"));
    const copied = new Promise((resolve, reject) => sink.on("finish", resolve).on("error", reject));
    for (let i = 0; i < 1000; i++) sink.write(`${i}\trow ${i}\n`);
    sink.end();
    await copied;
    assert.equal(sink.rowCount, 1000);
    const source = client.query(to("copy copied to stdout"));
    const text = await textOf(source as AsyncIterable<Uint8Array>);
    assert.equal(text.split("\n").length, 1001);
    assert.equal(source.rowCount, 1000);
    assert.deepEqual((await client.query("select count(*)::int as n from copied")).rows, [{
      n: 1000,
    }]);
    await client.end();
  }));

test("compat/pg: strings and bytes in every encoding are copied in the order of the writes", () =>
  withoutUnhandled(async () => {
    const client = new ours.Client(await login());
    await client.connect();
    await client.query("create temp table copied (n serial, t text)");
    const sink = client.query(from("copy copied (t) from stdin"));
    const copied = new Promise((resolve, reject) => sink.on("finish", resolve).on("error", reject));
    const euro = new TextEncoder().encode("\u20ac\n");
    sink.write("a\u00e9\n");
    sink.write("b\n", "utf8");
    sink.write(euro.subarray(0, 1));
    sink.write(euro.subarray(1));
    sink.write("c\n", "latin1");
    sink.write("640a", "hex");
    sink.write("\u{1f600}\n");
    sink.end("end\n");
    await copied;
    const { rows } = await client.query("select t from copied order by n");
    const bytes = ["a\u00e9", "b", "\u20ac", "c", "d", "\u{1f600}", "end"];
    assert.deepEqual(rows.map(({ t }) => t), bytes);
    await client.end();
  }));

test("compat/pg: a COPY that fails or is left, and the client goes on", () =>
  withoutUnhandled(async () => {
    const client = new ours.Client(await login());
    await client.connect();
    await client.query("create temp table copied (n int)");
    const failing = client.query(from("copy copied from stdin"));
    const failed = new Promise<Error>((resolve) => failing.on("error", resolve));
    failing.end("not a number\n");
    assert.equal((await failed as Error & { code: string }).code, "22P02");
    const missing = client.query(from("copy missing from stdin"));
    const refused = new Promise<Error>((resolve) => missing.on("error", resolve));
    assert.equal((await refused as Error & { code: string }).code, "42P01");
    const left = client.query(from("copy copied from stdin"));
    left.write("1\n", () => left.destroy());
    assert.deepEqual((await client.query("select count(*)::int as n from copied")).rows, [{
      n: 0,
    }]);
    const endless = "copy (select generate_series(1, 100000000)) to stdout";
    for await (const _ of client.query(to(endless)) as AsyncIterable<Uint8Array>) break;
    assert.deepEqual((await client.query("select 1 as n")).rows, [{ n: 1 }]);
    await client.end();
  }));

test("compat/pg: a cursor can be closed after its query has failed", () =>
  withoutUnhandled(async () => {
    const client = new ours.Client(await login());
    await client.connect();
    const cursor = client.query(new PeerCursor("selec") as never) as CursorLike;
    for (let i = 0; i < 2; i++) await assert.rejects(cursor.read(1));
    await cursor.close();
    assert.deepEqual((await client.query("select 1 as n")).rows, [{ n: 1 }]);
    await client.end();
  }));

test("compat/pg: an error of a Submittable's handler ends it, and the client goes on", () =>
  withoutUnhandled(async () => {
    const client = new ours.Client(await login());
    await client.connect();
    const errors: unknown[] = [];
    const boom = new Error("boom");
    client.query({
      submit: (connection: InstanceType<typeof ours.Connection>) => {
        connection.query("select generate_series(1, 3)");
      },
      handleDataRow: () => {
        throw boom;
      },
      handleError: (error: unknown) => void errors.push(error),
    });
    client.query({
      submit: () => new Error("not now"),
      handleError: (error: unknown) => void errors.push((error as Error).message),
    });
    assert.deepEqual((await client.query("select 1 as n")).rows, [{ n: 1 }]);
    assert.equal(errors[0], boom);
    assert.equal(errors.at(-1), "not now");
    assert.throws(() => client.connection.query("select 1"), /only a Submittable may send/);
    await client.end();
  }));
