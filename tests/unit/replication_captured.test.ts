// Messages as servers sent them: table t (id int primary key, name text, n numeric, at timestamptz),
// an insert, an update of the key, and a delete.
import assert from "node:assert/strict";
import test from "node:test";
import { TestStream } from "./replication_messages.ts";

const RELATION =
  "52000040027075626c69630074006400040169640000000017ffffffff006e616d650000000019ffffffff" +
  "006e00000006a4ffffffff00617400000004a0ffffffff";

const CAPTURED: Readonly<Record<string, readonly string[]>> = {
  "PostgreSQL 14.23, protocol 2, text": [
    "4200000000007f756800030464ec5459e6000002f0",
    RELATION,
    "49000040024e00047400000001317400000001617400000004312e35307400000016" +
    "323032302d30312d30312030303a30303a30302b3030",
    "430000000000007f756800000000007f759800030464ec5459e6",
    "4200000000007f764000030464ec545c99000002f1",
    "55000040024b00047400000001316e6e6e4e00047400000001326e7400000004312e35307400000016" +
    "323032302d30312d30312030303a30303a30302b3030",
    "430000000000007f764000000000007f767000030464ec545c99",
    "4200000000007f76b000030464ec545d89000002f2",
    "44000040024b00047400000001326e6e6e",
    "430000000000007f76b000000000007f76e000030464ec545d89",
  ],
  "PostgreSQL 18.4, protocol 4, binary": [
    "420000000000c8849800030464ec8cce9f00000303",
    RELATION,
    "49000040024e0004620000000400000001620000000161620000000c000200000000000200011388" +
    "620000000800023e0786c26000",
    "43000000000000c884980000000000c884c800030464ec8cce9f",
    "420000000000c8857000030464ec8cd03900000304",
    "55000040024b00046200000004000000016e6e6e4e00046200000004000000026e" +
    "620000000c000200000000000200011388620000000800023e0786c26000",
    "43000000000000c885700000000000c885a000030464ec8cd039",
    "420000000000c885e000030464ec8cd10c00000305",
    "44000040024b00046200000004000000026e6e6e",
    "43000000000000c885e00000000000c8861000030464ec8cd10c",
  ],
};

const bytesOfHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g)!, (digits) => Number.parseInt(digits, 16));

for (const [server, frames] of Object.entries(CAPTURED)) {
  test(`messages of ${server} are decoded`, async () => {
    const messages = await new TestStream().decode(...frames.map(bytesOfHex));
    const [, relation, insert, commit, , update, , , drop, end] = messages;
    assert.ok(relation?.kind === "relation" && insert?.kind === "insert" && end?.kind === "commit");
    assert.ok(update?.kind === "update" && drop?.kind === "delete" && commit?.kind === "commit");
    assert.deepEqual(relation.relation.columns.map((c) => [c.name, c.typeName, c.key]), [
      ["id", "int4", true],
      ["name", "text", false],
      ["n", "numeric", false],
      ["at", "timestamptz", false],
    ]);
    const at = new Date("2020-01-01T00:00:00Z");
    assert.deepEqual(insert.new, { id: 1, name: "a", n: "1.50", at });
    assert.deepEqual(update.key, { id: 1 });
    assert.deepEqual(update.new, { id: 2, name: null, n: "1.50", at });
    assert.deepEqual(drop.key, { id: 2 });
    assert.ok(commit.endLsn.compare(end.commitLsn) < 0);
    assert.equal(end.at.getUTCFullYear(), 2026);
  });
}
