import assert from "node:assert/strict";
import test from "node:test";
import type { UpdateChange } from "../../src/replication/change.ts";
import { pgoutput } from "../../src/replication/pgoutput_plugin.ts";
import type { LogicalMessage } from "../../src/replication/plugin.ts";
import { TextNeededError } from "../../src/replication/row_decoder.ts";
import {
  begin,
  bytesOf,
  commit,
  insert,
  type Part,
  relationBytes,
  streamCommit,
  streamed,
  streamStart,
  streamStop,
  TestStream,
  tuple,
} from "./replication_messages.ts";

/** A message as JSON has it. */
function plain(message: LogicalMessage): Record<string, unknown> {
  const { transaction: _, ...rest } = JSON.parse(JSON.stringify(message));
  return rest;
}

const kinds = (messages: readonly LogicalMessage[]): string[] => messages.map(({ kind }) => kind);

test("a row has the columns of its Relation, and its change a stable name", async () => {
  const stream = new TestStream();
  const messages = await stream.decode(
    begin(7, 0x16B3748),
    relationBytes(1, "t"),
    insert(1, "5", "five"),
    insert(1, Uint8Array.of(0, 0, 0, 6), null),
    commit(0x16B3748),
  );
  assert.deepEqual(kinds(messages), ["begin", "relation", "insert", "insert", "commit"]);
  const [start, , first, second, end] = messages;
  assert.ok(first?.kind === "insert" && second?.kind === "insert" && end?.kind === "commit");
  assert.ok(start?.kind === "begin");
  assert.deepEqual(first.new, { id: 5, name: "five" });
  assert.deepEqual(second.new, { id: 6, name: null });
  assert.equal(first.table, "public.t");
  assert.equal(String(first.id), "0/16B3748:0");
  assert.equal(String(second.id), "0/16B3748:1");
  assert.equal(second.xid, 7);
  assert.equal(second.transaction, start.transaction);
  assert.equal(String(end.endLsn), "0/16B3778");
  assert.equal(end.at.getTime(), Date.UTC(2000, 0, 1));
});

test("a value that was not sent is absent and listed, unless the old row has it", async () => {
  const stream = new TestStream();
  const update = (...parts: Part[]): Uint8Array => bytesOf("U", [4, 1], ...parts);
  await stream.decode(begin(), relationBytes(1, "t"));
  const [unsent, filled] = await stream.decode(
    update("N", tuple("1", undefined)),
    update("O", tuple("1", "old"), "N", tuple("2", undefined)),
  ) as UpdateChange[];
  assert.deepEqual(unsent!.new, { id: 1 });
  assert.deepEqual(unsent!.unchanged, ["name"]);
  assert.deepEqual(unsent!.key, { id: 1 });
  assert.equal(unsent!.old, undefined);
  assert.deepEqual(filled!.new, { id: 2, name: "old" });
  assert.deepEqual(filled!.unchanged, []);
  assert.deepEqual(filled!.old, { id: 1, name: "old" });
  assert.equal(filled!.key, filled!.old);
});

test("a key tuple gives the columns of the replica identity, and no nulls for the others", async () => {
  const stream = new TestStream();
  await stream.decode(begin(), relationBytes(1, "t"));
  const [update, drop, old] = (await stream.decode(
    bytesOf("U", [4, 1], "K", tuple("1", null), "N", tuple("2", "x")),
    bytesOf("D", [4, 1], "K", tuple("3", null)),
    bytesOf("D", [4, 1], "O", tuple("3", "x")),
  )).map(plain);
  assert.deepEqual(update!.key, { id: 1 });
  assert.deepEqual(update!.new, { id: 2, name: "x" });
  assert.deepEqual(drop, { kind: "delete", table: "public.t", id: "0/100:1", key: { id: 3 } });
  assert.deepEqual(old!.old, { id: 3, name: "x" });
});

test("rows as arrays keep the places of the columns", async () => {
  const stream = new TestStream({ rows: "array" });
  await stream.decode(begin(), relationBytes(1, "t"));
  const [row, part, key] = await stream.decode(
    insert(1, "1", "x"),
    bytesOf("U", [4, 1], "N", tuple("1", undefined)),
    bytesOf("D", [4, 1], "K", tuple("3", null)),
  );
  assert.ok(row?.kind === "insert" && part?.kind === "update" && key?.kind === "delete");
  assert.deepEqual(row.new, [1, "x"]);
  assert.deepEqual(part.new, [1, undefined]);
  assert.deepEqual(key.key, [3, undefined]);
});

test("truncations, messages and origins", async () => {
  const stream = new TestStream();
  const messages = await stream.decode(
    bytesOf("M", 0, [8, 0x90], "outside", [4, 2], Uint8Array.of(1, 2)),
    begin(),
    bytesOf("O", [8, 0x42], "elsewhere"),
    relationBytes(1, "a1"),
    relationBytes(2, "b1"),
    bytesOf("T", [4, 2], 3, [4, 1], [4, 2]),
    bytesOf("M", 1, [8, 0x91], "inside", [4, 0]),
    commit(),
  );
  const [outside, start, origin, , , truncate, inside] = messages;
  assert.ok(outside?.kind === "message" && inside?.kind === "message");
  assert.equal(outside.transactional, false);
  assert.deepEqual(outside.content, Uint8Array.of(1, 2));
  assert.equal(String(outside.id), "0/90:0");
  assert.equal(outside.transaction, undefined);
  assert.equal(String(inside.id), "0/100:1");
  assert.equal(inside.prefix, "inside");
  assert.ok(truncate?.kind === "truncate");
  assert.deepEqual(plain(truncate), {
    ...{ kind: "truncate", tables: ["public.a1", "public.b1"], id: "0/100:0" },
    ...{ cascade: true, restartIdentity: true },
  });
  assert.ok(start?.kind === "begin" && origin?.kind === "origin");
  assert.equal(origin.name, "elsewhere");
  assert.equal(start.transaction.origin?.name, "elsewhere");
});

test("two-phase: a prepared transaction, and the decision about it", async () => {
  const stream = new TestStream();
  const fields: Part[] = [[8, 0x200], [8, 0x230], [8, 1000], [4, 9], "gid 1"];
  const messages = await stream.decode(
    bytesOf("b", ...fields),
    relationBytes(1, "t"),
    insert(1, "1", "x"),
    bytesOf("P", 0, ...fields),
    bytesOf("K", 0, [8, 0x300], [8, 0x330], [8, 0], [4, 9], "gid 1"),
    bytesOf("r", 0, [8, 0x230], [8, 0x330], [8, 0], [8, 0], [4, 9], "gid 1"),
  );
  assert.deepEqual(kinds(messages), [
    ...["beginPrepare", "relation", "insert", "prepare", "commitPrepared", "rollbackPrepared"],
  ]);
  const [, , row, prepare, committed, undone] = messages;
  assert.ok(row?.kind === "insert");
  assert.equal(row.transaction.gid, "gid 1");
  assert.equal(String(row.id), "0/200:0");
  assert.deepEqual(plain(prepare!), {
    ...{ kind: "prepare", xid: 9, gid: "gid 1", prepareLsn: "0/200", endLsn: "0/230" },
    at: "2000-01-01T00:00:00.001Z",
  });
  assert.equal(plain(committed!).commitLsn, "0/300");
  assert.equal(plain(undone!).prepareEndLsn, "0/230");
});

test("streamed: changes carry the subtransaction, and have names once the commit has come", async () => {
  const stream = new TestStream({ streaming: "parallel" });
  const messages = await stream.decode(
    streamStart(10),
    relationBytes(1, "t", undefined, { xid: 10 }),
    streamed(11, 1, "1", "a"),
    bytesOf("M", [4, 10], 1, [8, 0x91], "mm", [4, 0]),
    streamStop,
    begin(20),
    commit(),
    bytesOf("A", [4, 10], [4, 11], [8, 0x600], [8, 0]),
    streamStart(10, 0),
    relationBytes(1, "t", undefined, { xid: 10 }),
    streamed(12, 1, "2", "b"),
    streamStop,
  );
  const [start, , row] = messages;
  assert.ok(start?.kind === "streamStart" && row?.kind === "insert");
  assert.equal(row.xid, 11);
  assert.equal(row.transaction.xid, 10);
  assert.throws(() => row.id, /has no id before its commit/);
  const abort = messages.find(({ kind }) => kind === "streamAbort");
  assert.ok(abort?.kind === "streamAbort");
  assert.deepEqual([abort.xid, abort.subxid, String(abort.lsn)], [10, 11, "0/600"]);
  const [end] = await stream.decode(streamCommit(10));
  assert.ok(end?.kind === "streamCommit");
  assert.equal(end.transaction, row.transaction);
  assert.equal(String(row.id), "0/500:0");
});

test("streamed: an abort has a position only with parallel streaming", async () => {
  const stream = new TestStream({ streaming: "on" });
  const [abort] = await stream.decode(bytesOf("A", [4, 10], [4, 10]));
  assert.ok(abort?.kind === "streamAbort");
  assert.equal(abort.lsn, undefined);
});

test("streamed: a Relation holds for its transaction only, until that commits", async () => {
  const stream = new TestStream({ streaming: "on" });
  const wide = [["id", 23, true], ["name", 25, false], ["more", 23, false]] as const;
  await stream.decode(begin(), relationBytes(1, "t"), commit());
  const [, altered] = await stream.decode(
    streamStart(10),
    relationBytes(1, "t", wide, { xid: 10 }),
    streamed(10, 1, "1", "a", "2"),
    streamStop,
  );
  assert.ok(altered?.kind === "relation");
  assert.deepEqual(altered.diff.added.map(({ name }) => name), ["more"]);
  // Another transaction goes on with the old shape; so does everything after an abort.
  await stream.decode(begin(), insert(1, "2", "b"), commit());
  await stream.decode(bytesOf("A", [4, 10], [4, 10]), begin(), insert(1, "2", "b"), commit());
  await stream.decode(
    streamStart(11),
    relationBytes(1, "t", wide, { xid: 11 }),
    streamStop,
    streamCommit(11),
  );
  await stream.decode(begin(), insert(1, "2", "b", "3"), commit());
});

test("streamed: of two descriptions the later one holds after a commit", async () => {
  const stream = new TestStream({ streaming: "on" });
  const wide = [["id", 23, true], ["name", 25, false], ["more", 23, false]] as const;
  await stream.decode(
    streamStart(10),
    relationBytes(1, "t", undefined, { xid: 10 }),
    streamStop,
    begin(),
    relationBytes(1, "t", wide),
    commit(),
    streamCommit(10),
    begin(),
    insert(1, "1", "a", "2"),
  );
});

test("a changed Relation is an event with the differences; an equal one is none", async () => {
  const stream = new TestStream();
  await stream.decode(begin(), relationBytes(1, "t"));
  const changed = [["id", 20, true], ["more", 25, false]] as const;
  const [event] = await stream.decode(relationBytes(1, "t"), relationBytes(1, "u", changed));
  assert.ok(event?.kind === "relation");
  const { diff, previous } = event;
  assert.deepEqual(diff.added.map(({ name }) => name), ["more"]);
  assert.deepEqual(diff.removed.map(({ name }) => name), ["name"]);
  assert.deepEqual(diff.changed.map(({ before, after }) => [before.typeName, after.typeName]), [
    ["int4", "int8"],
  ]);
  assert.equal(diff.renamedFrom, "public.t");
  assert.equal(previous?.name, "t");
});

test("after a reconnect a Relation is compared with the one of the earlier session", async () => {
  const stream = new TestStream();
  await stream.decode(begin(), relationBytes(1, "t"));
  stream.decoder.reset();
  await assert.rejects(stream.decode(begin(), insert(1, "1", "a")), /relation 1, which the server/);
  stream.decoder.reset();
  assert.deepEqual(kinds(await stream.decode(begin(), relationBytes(1, "t"))), ["begin"]);
  stream.decoder.reset();
  const [, event] = await stream.decode(
    begin(),
    relationBytes(1, "t", undefined, { identity: "f" }),
  );
  assert.ok(event?.kind === "relation");
  assert.equal(event.diff.identityBefore, "default");
});

test("an unknown type is looked up before the row, once", async () => {
  const mood = { oid: 90_001, name: "mood", schema: "public", kind: "enum" } as const;
  const stream = new TestStream({ catalogue: [mood] });
  const columns = [["id", 23, true], ["m", 90_001, false]] as const;
  await stream.decode(bytesOf("Y", [4, 90_001], "public", "mood"), begin());
  const pending = stream.now(relationBytes(1, "t", columns));
  assert.ok(pending instanceof Promise);
  const event = await pending;
  assert.ok(event?.kind === "relation");
  assert.equal(event.relation.columns[1]?.typeName, "public.mood");
  const [row] = await stream.decode(insert(1, "1", new TextEncoder().encode("happy")));
  assert.ok(row?.kind === "insert");
  assert.deepEqual(row.new, { id: 1, m: "happy" });
  assert.ok(!(stream.now(relationBytes(2, "t2", columns)) instanceof Promise));
  assert.deepEqual(stream.asked, [[90_001]]);
});

test("a type that is gone leaves text, or bytes; it is reported once", async () => {
  const stream = new TestStream();
  const columns = [["a", 90_001, false], ["b", 90_002, false]] as const;
  // Of a domain the stream has the name of the base type.
  await stream.decode(bytesOf("Y", [4, 90_002], "", "int4"), begin());
  await stream.decode(relationBytes(1, "t", columns), relationBytes(2, "t2", columns));
  const [text, bytes] = await stream.decode(
    insert(1, "x", "5"),
    insert(1, Uint8Array.of(1, 2), Uint8Array.of(0, 0, 0, 6)),
  );
  assert.ok(text?.kind === "insert" && bytes?.kind === "insert");
  assert.deepEqual(text.new, { a: "x", b: 5 });
  assert.deepEqual(bytes.new, { a: Uint8Array.of(1, 2), b: 6 });
  assert.deepEqual(stream.unknown, [90_001]);
  assert.equal(stream.asked.length, 1);
});

test("an altered composite type is looked up again, and the row decoded by what is found", async () => {
  const info = { oid: 90_001, name: "addr", schema: "public", kind: "composite" } as const;
  const attribute = (name: string) => ({ name, oid: 23 });
  const catalogue = [{ ...info, attributes: [attribute("a")] }];
  const stream = new TestStream({ catalogue });
  const row = (text: string) => insert(1, "1", text);
  await stream.decode(
    begin(),
    relationBytes(1, "t", [["id", 23, true], ["c", 90_001, false]]),
    row("(1)"),
  );
  catalogue[0] = { ...info, attributes: [attribute("a"), attribute("b")] };
  const [change] = await stream.decode(row("(1,2)"));
  assert.ok(change?.kind === "insert");
  assert.deepEqual(change.new, { id: 1, c: { a: 1, b: 2 } });
  assert.equal(change.index, 1);
  await assert.rejects(stream.decode(row("(1)")), {
    name: "DataError",
    message: /table public.t, column "c" \(addr\): .* older than the latest change of the type/,
  });
});

test("a binary value of a codec that reads text asks for a stream in text", async () => {
  const codec = { name: "numeric", decode: (text: string) => text };
  const stream = new TestStream({ types: { codecs: [codec] } });
  await stream.decode(begin(), relationBytes(1, "t", [["n", 1700, false]]));
  const failure = await stream.decode(insert(1, Uint8Array.of(1))).catch((error) => error);
  assert.ok(failure instanceof TextNeededError);
  assert.match(failure.message, /^table public.t, column "n" .*binary: false$/);
});

test("the options of START_REPLICATION follow the server's version", () => {
  const options = { publications: ["p", 'a "b", c'] };
  const chosen = (version: number, more = {}, protocol?: 1 | 2 | 3 | 4) =>
    pgoutput({ protocol }).startOptions(version, { ...options, ...more });
  const publication_names = '"p","a ""b"", c"';
  assert.deepEqual(chosen(130_004), { proto_version: "1", publication_names });
  assert.deepEqual(chosen(140_023), { proto_version: "2", publication_names, binary: "true" });
  assert.deepEqual(chosen(150_001, { binary: false }), { proto_version: "3", publication_names });
  assert.deepEqual(
    chosen(180_004, { streaming: "parallel", messages: true, origin: "none", twoPhase: true }),
    {
      ...{ proto_version: "4", publication_names, binary: "true", streaming: "parallel" },
      ...{ messages: "true", origin: "none", two_phase: "true" },
    },
  );
  assert.equal(chosen(180_004, {}, 1).proto_version, "1");
  const refused: [number, object, 4 | undefined, RegExp][] = [
    [
      150_000,
      { streaming: "parallel" },
      undefined,
      /^streaming: "parallel" needs PostgreSQL 16; this server is 15$/,
    ],
    [140_000, { twoPhase: true }, undefined, /^twoPhase: true needs PostgreSQL 15/],
    [140_000, { origin: "none" }, undefined, /^origin: "none" needs PostgreSQL 16/],
    [130_000, { messages: true }, undefined, /^messages: true needs PostgreSQL 14/],
    [130_000, { binary: true }, undefined, /^binary: true needs PostgreSQL 14/],
    [140_000, {}, 4, /^protocol 4 of pgoutput needs PostgreSQL 16/],
  ];
  for (const [version, more, protocol, message] of refused) {
    assert.throws(() => chosen(version, more, protocol), { name: "NotSupportedError", message });
  }
  assert.throws(() => pgoutput({ protocol: 5 as 4 }), { name: "InterfaceError" });
});
