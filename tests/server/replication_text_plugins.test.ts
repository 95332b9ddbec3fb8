import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Reader } from "../../src/bytes/reader.ts";
import type { LogicalMessage } from "../../src/replication/plugin.ts";
import { testDecoding } from "../../src/replication/test_decoding.ts";
import { wal2json } from "../../src/replication/wal2json.ts";
import { majors } from "../_kit/servers.ts";
import { changesOf, type Reading, shown, withSlot } from "./replication_slot.ts";

const SETUP = `create type mood as enum ('sad', 'happy');
  create type addr as (n int, s text);
  create schema "o.dd"; create table "o.dd"."t: " (id int primary key, "a ""b]:" text);
  create table t (id int primary key, s text, m mood, ms mood[], a addr, n numeric, f float8, i int8,
    b bytea, ok bool, bits bit(3), at timestamptz, arr int[]);
  alter table t alter s set storage external`;

const VALUES = `1, 'it''s [x]:y', 'happy', '{happy,NULL}', row(1, 'a b'), 'NaN', 1.5,
  9007199254740993, '\\x00ff', true, '101', '2020-02-29 12:30:15.25Z', '{1,2}'`;

for (const major of majors()) {
  describe(`test_decoding (PostgreSQL ${major})`, () => {
    const reading: Reading = { plugin: testDecoding() };

    test("rows in the driver's types, keys and unsent values", () =>
      withSlot(async (slot) => {
        await slot.run(`insert into t values (${VALUES})`);
        const [row] = await slot.db.query("select * from t");
        const [array] = await slot.db.query("select * from t", [], { rows: "array" });
        await slot.run(
          "update t set s = (select string_agg(md5(i::text), '') from generate_series(1, 300) i)",
          "update t set i = 5",
          "update t set id = 2",
          "delete from t",
          `insert into "o.dd"."t: " values (1, 'x')`,
          "truncate t cascade",
        );
        const messages = await slot.messages(reading);
        const found = changesOf(messages).map(shown);
        assert.deepEqual(found[0], ["insert", "public.t", row]);
        const [first] = await slot.messages({ ...reading, rows: "array" }).then(changesOf);
        assert.ok(first?.kind === "insert");
        assert.deepEqual(first.new, array);
        assert.deepEqual(found[2]?.[4], ["s"]);
        assert.equal((found[2]?.[3] as { i: bigint }).i, 5n);
        assert.ok(!("s" in (found[2]?.[3] as object)));
        assert.deepEqual(found[3]?.[2], { id: 1 });
        assert.deepEqual(found[4], ["delete", "public.t", { id: 2 }, undefined]);
        assert.deepEqual(found[5], ["insert", "o.dd.t: ", { id: 1, 'a "b]:': "x" }]);
        assert.deepEqual(found[6], ["truncate", ["public.t"]]);
        const end = messages.findLast(({ kind }) => kind === "commit");
        const insert = changesOf(messages)[0];
        assert.ok(end?.kind === "commit" && insert?.kind === "insert");
        assert.ok(Math.abs(Date.now() - end.at.getTime()) < 3_600_000);
        assert.ok(insert.id.commitLsn.compare(end.endLsn) < 0);
      }, { major, setup: SETUP, plugin: "test_decoding" }));

    test("messages, as bytes", () =>
      withSlot(async (slot) => {
        await slot.run(
          "select pg_logical_emit_message(true, 'in', '\\xff00'::bytea)",
          "select pg_logical_emit_message(false, 'out, sz', 'ä')",
          "insert into t (id) values (1)", // whose commit flushes the WAL
        );
        const all = await slot.messages({ ...reading, messages: true });
        const emitted = all.flatMap((m) => m.kind === "message" ? [m] : []);
        emitted.sort((a, b) => a.prefix < b.prefix ? -1 : 1);
        assert.deepEqual(emitted.map((m) => [m.prefix, [...m.content], m.transactional]), [
          ["in", [255, 0], true],
          ["out, sz", [0xc3, 0xa4], false],
        ]);
        assert.deepEqual((await slot.messages(reading)).filter((m) => m.kind === "message"), []);
      }, { major, setup: SETUP, plugin: "test_decoding" }));
  });
}

// wal2json is no part of PostgreSQL: messages of version 2.5 with PostgreSQL 15, as it wrote them.
const B = `{"action":"B","xid":743,"timestamp":"2026-11-29 07:58:56.071738+00","lsn":"0/A18918",` +
  `"nextlsn":"0/A18948"}`;
const C = B.replace(`"B"`, `"C"`);
const of = (action: string, rest: string): string =>
  `{"action":"${action}","xid":743,"lsn":"0/A187D0","schema":"public","table":"t",${rest}}`;
const ID = (value: string): string =>
  `{"name":"id","type":"integer","typeoid":23,"value":${value}}`;
const PK = `"pk":[{"name":"id","type":"integer","typeoid":23}]`;
const REST = `{"name":"s","type":"text","typeoid":25,"value":"it's \\"1.50\\""},` +
  `{"name":"i","type":"bigint","typeoid":20,"value":9007199254740993},` +
  `{"name":"n","type":"numeric","typeoid":1700,"value":1.50},` +
  `{"name":"b","type":"bytea","typeoid":17,"value":"ff00"},` +
  `{"name":"ok","type":"boolean","typeoid":16,"value":true}`;
const ROW = {
  ...{ id: 1, s: `it's "1.50"`, i: 9007199254740993n, n: "1.50" },
  ...{ b: Uint8Array.of(255, 0), ok: true },
};

describe("wal2json", () => {
  async function decode(...lines: readonly string[]): Promise<LogicalMessage[]> {
    const { TestStream } = await import("../unit/replication_messages.ts");
    const { context } = new TestStream({ messages: true });
    const decoder = wal2json().decoder(context);
    const messages: LogicalMessage[] = [];
    for (const line of lines) {
      const message = await decoder.decode(new Reader(new TextEncoder().encode(line)), 1n);
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  test("rows in the driver's types, without loss of digits", async () => {
    const [, insert, update, drop, truncate, message, end] = await decode(
      B,
      of("I", `"columns":[${ID("1")},${REST}],${PK}`),
      of(
        "U",
        `"columns":[${ID("2")},{"name":"i","type":"bigint","typeoid":20,"value":7}],` +
          `"identity":[${ID("1")}],${PK}`,
      ),
      of("D", `"identity":[${ID("2")}],${PK}`),
      `{"action":"T","schema":"public","table":"t"}`,
      `{"action":"M","transactional":true,"prefix":"p","content":"hi","lsn":"0/1"}`,
      C,
    );
    assert.ok(insert?.kind === "insert" && end?.kind === "commit" && message?.kind === "message");
    assert.deepEqual(insert.new, ROW);
    assert.equal(String(insert.id), "0/A18918:0");
    assert.deepEqual(insert.relation.columns.map((c) => c.key), [true, ...Array(5).fill(false)]);
    assert.deepEqual(shown(update!), [
      ...["update", "public.t", { id: 1 }, { id: 2, i: 7n }, ["s", "n", "b", "ok"], undefined],
    ]);
    assert.deepEqual(shown(drop!), ["delete", "public.t", { id: 2 }, undefined]);
    assert.deepEqual(shown(truncate!), ["truncate", ["public.t"]]);
    assert.equal(new TextDecoder().decode(message.content), "hi");
    assert.equal(String(end.endLsn), "0/A18948");
    assert.equal(end.at.toISOString(), "2026-11-29T07:58:56.071Z");
  });

  test("another plugin's messages, and broken ones, are refused", async () => {
    const lines = ["BEGIN 7", "[]", "null", "{", `{"action":"X"}`, of("I", `"columns":[1]`)];
    for (const line of [...lines, of("I", `"columns":{}`), of("I", `"columns":[${ID("{}")}]`)]) {
      await assert.rejects(decode(B, line), { name: "ProtocolError" }, line);
    }
    await assert.rejects(decode(of("I", `"columns":[${ID("1")}]`)), /outside of a transaction/);
    await assert.rejects(decode(B, of("I", `"columns":[${ID('"x"')}]`)), {
      name: "DataError",
      message: /^table public.t, column "id" \(int4\)/,
    });
  });
});

test("plugins that write text refuse what they cannot do", () => {
  const options = { publications: [] };
  for (const plugin of [testDecoding(), wal2json()]) {
    for (const more of [{ streaming: "on" as const }, { twoPhase: true }]) {
      assert.throws(() => plugin.startOptions(180_000, { ...options, ...more }), {
        name: "NotSupportedError",
      });
    }
  }
  assert.throws(() => wal2json({ "format-version": "1" }), { name: "InterfaceError" });
});
