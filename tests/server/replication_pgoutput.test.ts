// Changes of a real server, decoded: what each kind of table and setting makes of a row.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Change, RowChange } from "../../src/replication/change.ts";
import { replicate, type UnknownType } from "../../src/replication/replication.ts";
import { majors } from "../_kit/servers.ts";
import { changesOf, type Reading, shown, type SlotDatabase, withSlot } from "./replication_slot.ts";

async function changes(slot: SlotDatabase, reading?: Reading): Promise<unknown[][]> {
  return changesOf(await slot.messages(reading)).map(shown);
}

/** Both formats must give the same changes. */
async function sameInBoth(slot: SlotDatabase, reading?: Reading): Promise<unknown[][]> {
  const binary = await changes(slot, reading);
  assert.deepEqual(await changes(slot, { ...reading, binary: false }), binary);
  return binary;
}

const LARGE = "string_agg(md5(i::text), '')";
const large = (seed: number): string =>
  `(select ${LARGE} from generate_series(${seed}, ${seed + 300}) i)`;

for (const major of majors()) {
  describe(`pgoutput (PostgreSQL ${major})`, () => {
    const withTables = (setup: string, work: (slot: SlotDatabase) => Promise<void>) =>
      withSlot(work, { major, setup });

    test("inserts, updates, deletes and truncations", () =>
      withTables("create table t (id int primary key, n int8, s text)", async (slot) => {
        await slot.run(
          "insert into t values (1, 10, 'a'), (2, null, 'b')",
          "update t set n = 11 where id = 1",
          "update t set id = 3 where id = 1",
          "delete from t where id = 2",
          "truncate t",
        );
        assert.deepEqual(await sameInBoth(slot), [
          ["insert", "public.t", { id: 1, n: 10n, s: "a" }],
          ["insert", "public.t", { id: 2, n: null, s: "b" }],
          ["update", "public.t", { id: 1 }, { id: 1, n: 11n, s: "a" }, [], undefined],
          ["update", "public.t", { id: 1 }, { id: 3, n: 11n, s: "a" }, [], undefined],
          ["delete", "public.t", { id: 2 }, undefined],
          ["truncate", ["public.t"]],
        ]);
      }));

    test("a large value that an update leaves alone is absent, or comes from the old row", () =>
      withTables(
        `create table t (id int primary key, n int, s text, k text not null unique);
         alter table t alter s set storage external`,
        async (slot) => {
          await slot.run(`insert into t values (1, 1, ${large(1)}, 'k')`, "update t set n = 2");
          await slot.run("alter table t replica identity full", "update t set n = 3");
          await slot.run(
            "alter table t replica identity using index t_k_key",
            "update t set n = 4",
          );
          const [value] = await slot.db.query("select s from t", [], { rows: "array" });
          const s = (value as unknown as string[])[0];
          const whole = (n: number): object => ({ id: 1, n, s, k: "k" });
          const part = (n: number): object => ({ id: 1, n, k: "k" });
          assert.deepEqual(await sameInBoth(slot), [
            ["insert", "public.t", whole(1)],
            ["update", "public.t", { id: 1 }, part(2), ["s"], undefined],
            ["update", "public.t", whole(2), whole(3), [], whole(2)],
            ["update", "public.t", { k: "k" }, part(4), ["s"], undefined],
          ]);
        },
      ));

    test("the identity decides what is known of old rows", () =>
      withTables(
        `create table d (id int primary key, n int);
         create table f (id int, n int);
         create table i (id int not null, n int, primary key (id));
         create unique index i_n on i (n); alter table i alter n set not null;
         create table nothing (id int);
         alter table f replica identity full; alter table i replica identity using index i_n;
         alter table nothing replica identity nothing`,
        async (slot) => {
          await slot.run("insert into d values (1, 2); delete from d");
          await slot.run("insert into f values (1, null); delete from f");
          await slot.run("insert into i values (1, 2); delete from i");
          await slot.run("insert into nothing values (1)");
          const found = await sameInBoth(slot);
          assert.deepEqual(found.filter(([kind]) => kind === "delete"), [
            ["delete", "public.d", { id: 1 }, undefined],
            ["delete", "public.f", { id: 1, n: null }, { id: 1, n: null }],
            ["delete", "public.i", { n: 2 }, undefined],
          ]);
          const relations = (await slot.messages()).filter(({ kind }) => kind === "relation");
          assert.deepEqual(
            relations.map((m) => m.kind === "relation" && [m.relation.name, m.relation.identity]),
            [["d", "default"], ["f", "full"], ["i", "index"], ["nothing", "nothing"]],
          );
        },
      ));

    test("a schema that changes within a transaction: each row has the columns of its moment", () =>
      withTables("create table t (id int primary key, a text)", async (slot) => {
        await slot.run(
          "insert into t values (1, 'x')",
          `begin; insert into t values (2, 'x');
           alter table t add b int; insert into t values (3, 'x', 1);
           alter table t alter b type int8; insert into t values (4, 'x', 2);
           alter table t rename a to c; insert into t values (5, 'x', 3);
           alter table t drop c; insert into t values (6, 4);
           alter table t rename to u; insert into u values (7, 5); commit`,
        );
        const messages = await slot.messages();
        assert.deepEqual(changesOf(messages).map((m) => (m as RowChange & { new: unknown }).new), [
          { id: 1, a: "x" },
          { id: 2, a: "x" },
          { id: 3, a: "x", b: 1 },
          { id: 4, a: "x", b: 2n },
          { id: 5, c: "x", b: 3n },
          { id: 6, b: 4n },
          { id: 7, b: 5n },
        ]);
        const diffs = messages.flatMap((m) => m.kind === "relation" ? [m.diff] : []).slice(1);
        const names = (list: readonly { name: string }[]): string => list.map((c) => c.name).join();
        assert.deepEqual(
          diffs.map((d) => [names(d.added), names(d.removed), d.changed.length, d.renamedFrom]),
          [
            ["b", "", 0, undefined],
            ["", "", 1, undefined],
            ["c", "a", 0, undefined],
            ["", "c", 0, undefined],
            ["", "", 0, "public.t"],
          ],
        );
      }));

    test("partitions come under their own names, or as the root", () =>
      withTables(
        `create table t (id int primary key, s text) partition by range (id);
         create table t1 partition of t for values from (0) to (10);
         create table t2 (s text, id int primary key); alter table t attach partition t2
           for values from (10) to (20)`,
        async (slot) => {
          const run = () =>
            slot.run(
              "insert into t values (1, 'a'), (11, 'b')",
              "update t set id = 12 where id = 1",
            );
          await run();
          await slot.run(
            "alter publication p set (publish_via_partition_root = true)",
            "truncate t",
          );
          await run();
          const found = await sameInBoth(slot);
          assert.deepEqual(found.map(([kind, table]) => `${kind} ${table}`), [
            ...["insert public.t1", "insert public.t2", "delete public.t1", "insert public.t2"],
            ...["truncate public.t", "insert public.t", "insert public.t"],
            ...["delete public.t", "insert public.t"],
          ]);
          assert.deepEqual(found[5]?.[2], { id: 1, s: "a" });
          assert.deepEqual(found[6]?.[2], { id: 11, s: "b" });
        },
      ));

    test("the driver's types and policies, also of types that the stream meets first", () =>
      withTables(
        `create type mood as enum ('sad', 'happy');
         create type addr as (street text, n int, m mood);
         create domain positive as int8 check (value > 0);
         create domain moods as mood[];
         create type span as range (subtype = timestamptz);
         create table t (id int primary key, m mood, ms mood[], a addr, aa addr[], p positive,
           d moods, r int4range, mr int8multirange, s span, n numeric, f float8[], j jsonb, b bytea,
           at timestamptz, i interval, u uuid, ip inet, acl aclitem)`,
        async (slot) => {
          await slot.run(
            `insert into t values (1, 'happy', '{sad,NULL}', row('x "y"', 1, 'sad'),
               array[row('z', null, null)::addr], 5, '{happy}', '[1,5)', '{[1,2),[4,5)}',
               '[2020-01-01 00:00Z,2021-01-01 00:00Z)', 1.50, '{NaN,-0,1.5}', '{"a":[1]}', '\\x00ff',
               '2020-02-29 12:30:15.25Z', '1 month 2 days', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
               '10.0.0.1/8', 'postgres=r/postgres')`,
          );
          const [row] = await slot.db.query("select * from t");
          assert.deepEqual(await sameInBoth(slot), [["insert", "public.t", row]]);
          const types = {
            int8: "number",
            numeric: "number",
            datetime: "string",
            codecs: [
              { name: "public.mood", decode: (text: string) => `mood ${text}` },
            ],
          } as const;
          const [other] = await slot.db.query("select * from t", [], { types });
          assert.deepEqual(await sameInBoth(slot, { types }), [["insert", "public.t", other]]);
          assert.equal((other as { m: string }).m, "mood happy");
          const [array] = await slot.db.query("select * from t", [], { rows: "array" });
          assert.deepEqual(await sameInBoth(slot, { rows: "array" }), [
            ["insert", "public.t", array],
          ]);
        },
      ));

    test("a type that was dropped since: its values stay as they came", () =>
      withTables(
        "create type mood as enum ('sad'); create table t (id int primary key, m mood)",
        async (slot) => {
          await slot.run("insert into t values (1, 'sad')", "drop table t", "drop type mood");
          const unknown: unknown[] = [];
          const reading: Reading = { onUnknownType: (type) => unknown.push(type.name) };
          const text = await changes(slot, { ...reading, binary: false });
          const bytes = await changes(slot, reading);
          assert.deepEqual(text, [["insert", "public.t", { id: 1, m: "sad" }]]);
          const m = new TextEncoder().encode("sad");
          assert.deepEqual(bytes, [["insert", "public.t", { id: 1, m }]]);
          assert.deepEqual(unknown, ["public.mood", "public.mood"]);
          const onUnknownType = ({ table, column }: UnknownType): never => {
            unknown.push(`${table}.${column}`);
            throw new Error("of the caller");
          };
          const stream = replicate({
            ...{ ...await slot.place(), slot: slot.slot, publication: "p", onUnknownType },
          });
          for await (const change of stream) if (change.kind === "insert") break;
          assert.deepEqual(unknown.slice(2), ["public.t.m"]);
        },
      ));

    test("a composite type that was altered since is looked up again", () =>
      withTables(
        "create type addr as (a int); create table t (id int primary key, c addr)",
        async (slot) => {
          await slot.run("insert into t values (1, row(1))");
          const decoder = slot.decoder();
          const read = async () =>
            changesOf(await slot.decode(await slot.frames({}, true), decoder));
          const before = (await read()).map(shown);
          await slot.run("alter type addr add attribute b text");
          await slot.run("insert into t values (2, row(2,'x'))");
          const after = (await read()).map(shown);
          assert.deepEqual([...before, ...after], [
            ["insert", "public.t", { id: 1, c: { a: 1 } }],
            ["insert", "public.t", { id: 2, c: { a: 2, b: "x" } }],
          ]);
        },
      ));

    test("messages within and outside of transactions, and origins", () =>
      withTables("create table t (id int primary key)", async (slot) => {
        await slot.run(
          "select pg_logical_emit_message(false, 'out', 'side')",
          "begin; insert into t values (1); select pg_logical_emit_message(true, 'in', '\\x01'::bytea); commit",
          "select pg_replication_origin_create('o_' || current_database())",
          "select pg_replication_origin_session_setup('o_' || current_database())",
          `begin; select pg_replication_origin_xact_setup('0/42', '2020-01-01 00:00Z');
           insert into t values (2); commit`,
          "select pg_replication_origin_session_reset(); select pg_replication_origin_drop('o_' || current_database())",
        );
        const messages = await slot.messages({ messages: true });
        const emitted = messages.flatMap((m) => m.kind === "message" ? [m] : []);
        assert.deepEqual(emitted.map((m) => [m.prefix, m.transactional, [...m.content]]), [
          ["out", false, [..."side"].map((letter) => letter.charCodeAt(0))],
          ["in", true, [1]],
        ]);
        assert.equal(emitted[1]?.id.index, 1);
        const last = messages.findLast(({ kind }) => kind === "insert") as Change;
        assert.ok(last.kind === "insert");
        assert.equal(last.transaction.origin?.name, `o_${slot.database}`);
        assert.equal(String(last.transaction.origin?.lsn), "0/42");
        assert.equal(last.transaction.at?.toISOString(), "2020-01-01T00:00:00.000Z");
        if (major < 16) return;
        const local = changesOf(await slot.messages({ origin: "none" }));
        assert.equal(local.length, 1);
      }));

    test("row filters and column lists: only what the publication sends", {
      skip: major < 15 && "PostgreSQL 14 has neither",
    }, () =>
      withTables("create table t (id int primary key, n int, hidden text)", async (slot) => {
        await slot.run(
          "drop publication p",
          "create publication p for table t (id, n) where (n > 10)",
          "alter table t replica identity full",
          "alter table t replica identity default",
          "create unique index t_n on t (n, id); alter table t alter n set not null",
          "alter table t replica identity using index t_n",
          "insert into t values (1, 5, 'a'), (2, 20, 'b')",
          "update t set n = 30 where id = 1",
          "update t set n = 1 where id = 2",
        );
        assert.deepEqual(await sameInBoth(slot), [
          ["insert", "public.t", { id: 2, n: 20 }],
          ["insert", "public.t", { id: 1, n: 30 }],
          ["delete", "public.t", { id: 2, n: 20 }, undefined],
        ]);
      }));

    test("generated columns come when the publication names them", {
      skip: major < 18 && "needs PostgreSQL 18",
    }, () =>
      withTables(
        "create table t (id int primary key, twice int generated always as (id * 2) stored)",
        async (slot) => {
          await slot.run(
            "insert into t values (1)",
            "alter publication p set (publish_generated_columns = stored)",
            "insert into t values (2)",
          );
          assert.deepEqual(await sameInBoth(slot), [
            ["insert", "public.t", { id: 1 }],
            ["insert", "public.t", { id: 2, twice: 4 }],
          ]);
        },
      ));
  });
}
