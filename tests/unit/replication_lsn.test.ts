import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InterfaceError } from "../../mod.ts";
import { Lsn } from "../../src/replication/lsn.ts";

/** Text as a server or a manual writes it, number, text as it is written back. */
const POSITIONS: readonly [string, bigint, string][] = [
  ["0/0", 0n, "0/0"],
  ["0/16B3748", 0x16b3748n, "0/16B3748"],
  ["0/016b3748", 0x16b3748n, "0/16B3748"],
  ["16/B374D848", 0x16_b374_d848n, "16/B374D848"],
  ["0000000a/0000000B", 0xa_0000_000bn, "A/B"],
  ["1/0", 1n << 32n, "1/0"],
  ["FFFFFFFF/FFFFFFFF", (1n << 64n) - 1n, "FFFFFFFF/FFFFFFFF"],
];

const WRONG = [
  "",
  "0",
  "/",
  "0/",
  "/0",
  "0/123456789",
  "123456789/0",
  "0x1/0",
  "g/0",
  "0/0 ",
  "-1/0",
];

describe("Lsn", () => {
  for (const [text, value, written] of POSITIONS) {
    it(`${text} is ${value}`, () => {
      const lsn = Lsn.parse(text);
      assert.equal(lsn.value, value);
      assert.equal(String(lsn), written);
      assert.equal(JSON.stringify(lsn), JSON.stringify(written));
      assert.equal(new Lsn(value).compare(lsn), 0);
    });
  }

  it("positions are ordered as numbers, not as texts", () => {
    const ascending = ["0/9", "0/A", "0/10", "0/FFFFFFFF", "1/0", "9/0", "10/0"].map(Lsn.parse);
    for (let i = 1; i < ascending.length; i++) {
      assert.equal(ascending[i - 1]!.compare(ascending[i]!), -1);
      assert.equal(ascending[i]!.compare(ascending[i - 1]!), 1);
    }
    assert.equal(Lsn.zero.compare(new Lsn(0n)), 0);
  });

  it("other texts and numbers are refused", () => {
    for (const text of WRONG) assert.throws(() => Lsn.parse(text), InterfaceError, text);
    for (const value of [-1n, 1n << 64n]) assert.throws(() => new Lsn(value), InterfaceError);
    assert.throws(() => new Lsn(1 as unknown as bigint), InterfaceError);
  });
});
