import assert from "node:assert/strict";
import test from "node:test";
import type { Relation } from "../../src/replication/relation.ts";
import { Relations } from "../../src/replication/relations.ts";

const KIB = 1 << 10;

function relation(oid: number, columns: readonly string[] = ["id"]): Relation {
  const described = columns.map((name) => ({
    ...{ name, type: 23, typeName: "int4", typeModifier: -1, key: name === "id" },
  }));
  const name = `t${oid}`;
  const table = `public.${name}`;
  return { oid, schema: "public", name, table, identity: "default", columns: described };
}

function relations(bytes: number, compiled = 1000): Relations {
  return new Relations(() => undefined, "object", { bytes, compiled });
}

test("descriptions beyond the limit are refused with advice", () => {
  const kept = relations(64 * KIB);
  let count = 0;
  assert.throws(() => {
    for (; count < 10_000; count++) kept.add(relation(count, ["id", `c${count}`]));
  }, { name: "ProtocolError", message: /fewer tables, or publish partitions via their root/ });
  assert.ok(count > 50 && count < 200, String(count));
});

test("tables with equal columns share them, as partitions do", () => {
  const kept = relations(64 * KIB);
  const columns = Array.from({ length: 50 }, (_, i) => `c${i}`);
  for (let oid = 0; oid < 150; oid++) kept.add(relation(oid, columns));
  assert.equal(kept.get(1, undefined).relation.columns, kept.get(2, undefined).relation.columns);
  assert.equal(kept.rowsOf(kept.get(1, undefined)), kept.rowsOf(kept.get(2, undefined)));
});

test("a description that is replaced, aborted or dropped takes no room", () => {
  const kept = relations(64 * KIB);
  kept.add(relation(1));
  const before = kept.bytes;
  for (let i = 0; i < 10_000; i++) {
    kept.add(relation(2, ["id", `c${i}`]), 10);
    kept.add(relation(3, ["id", `d${i}`]), 11);
    if (i % 2 === 0) kept.abort(10);
  }
  kept.abort(10);
  kept.abort(11);
  assert.equal(kept.bytes, before);
});

test("descriptions of earlier sessions make room for those of this one", () => {
  const kept = relations(64 * KIB);
  for (let session = 0; session < 20; session++) {
    for (let i = 0; i < 50; i++) kept.add(relation(session * 50 + i, ["id", `c${session}`]));
    kept.reset();
  }
  const { previous } = kept.add(relation(19 * 50));
  assert.equal(previous?.columns[1]?.name, "c19");
  assert.equal(kept.add(relation(0)).previous, undefined);
  assert.ok(kept.bytes <= 64 * KIB);
});

test("the previous description survives a streamed transaction that is aborted", () => {
  const kept = relations(64 * KIB);
  kept.add(relation(1));
  kept.reset();
  assert.equal(kept.add(relation(1, ["id", "more"]), 10).previous?.columns.length, 1);
  kept.abort(10);
  assert.equal(kept.add(relation(1)).previous?.columns.length, 1);
});

test("decoders beyond the limit are made again when they are needed", () => {
  const kept = relations(10_000 * KIB, 10);
  const first = kept.add(relation(0, ["id", "c0"]));
  const decoder = kept.rowsOf(kept.get(0, undefined));
  for (let oid = 1; oid < 30; oid++) {
    kept.add(relation(oid, ["id", `c${oid}`]));
    kept.rowsOf(kept.get(oid, undefined));
  }
  assert.notEqual(kept.rowsOf(kept.get(0, undefined)), decoder);
  assert.equal(kept.get(0, undefined).relation, first.relation);
});
