import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DataError, ProtocolError } from "../../src/errors/errors.ts";
import { networkCodecs } from "../../src/types/network.ts";
import { decodeBytes, decodeHex, encodeBytes, encodeHex, named } from "./types_bytes.ts";

// What PostgreSQL 18 prints and what inet_send, cidr_send, macaddr_send and macaddr8_send return.
const PRINTED: Readonly<Record<string, readonly (readonly [text: string, hex: string])[]>> = {
  inet: [
    ["0.0.0.0", "0220000400000000"],
    ["192.168.0.5/24", "02180004c0a80005"],
    ["10.1.2.3", "022000040a010203"],
    ["10.0.0.0/8", "020800040a000000"],
    ["255.255.255.255/0", "02000004ffffffff"],
    ["::", "0380001000000000000000000000000000000000"],
    ["::1", "0380001000000000000000000000000000000001"],
    ["::2", "0380001000000000000000000000000000000002"],
    ["::/0", "0300001000000000000000000000000000000000"],
    ["::0.1.0.2", "0380001000000000000000000000000000010002"],
    ["::1.2.3.4", "0380001000000000000000000000000001020304"],
    ["::ffff:1.2.3.4", "0380001000000000000000000000ffff01020304"],
    ["::ffff:1.2.3.4/96", "0360001000000000000000000000ffff01020304"],
    ["::ffff:0:102:304", "038000100000000000000000ffff000001020304"],
    ["::fffe:102:304", "0380001000000000000000000000fffe01020304"],
    ["::1:0:0", "0380001000000000000000000000000100000000"],
    ["2001:db8::1/32", "0320001020010db8000000000000000000000001"],
    ["2001:db8::1", "0380001020010db8000000000000000000000001"],
    ["2001:db8:0:1::1", "0380001020010db8000000010000000000000001"],
    ["2001:0:0:1::1", "0380001020010000000000010000000000000001"],
    ["2001::1:0:0:2:1", "0380001020010000000000010000000000020001"],
    ["1:0:2:3:4:5:6:7", "0380001000010000000200030004000500060007"],
    ["1:2:3:4:5:6:7:8", "0380001000010002000300040005000600070008"],
    ["1:2:3:4:5:6::", "0380001000010002000300040005000600000000"],
    ["1:2:3:4:5:6:7:0", "0380001000010002000300040005000600070000"],
    ["fe80::/10", "030a0010fe800000000000000000000000000000"],
    ["0:1::", "0380001000000001000000000000000000000000"],
    ["::1:0:0:0", "0380001000000000000000000001000000000000"],
  ],
  cidr: [
    ["10.1.2.3/32", "022001040a010203"],
    ["10.0.0.0/8", "020801040a000000"],
    ["0.0.0.0/0", "0200010400000000"],
    ["2001:db8::/32", "0320011020010db8000000000000000000000000"],
    ["2001:db8::1/128", "0380011020010db8000000000000000000000001"],
    ["::/0", "0300011000000000000000000000000000000000"],
    ["::ffff:1.2.3.4/128", "0380011000000000000000000000ffff01020304"],
    ["::ffff:0.0.0.0/96", "0360011000000000000000000000ffff00000000"],
  ],
  macaddr: [["08:00:2b:01:02:03", "08002b010203"]],
  macaddr8: [["ff:00:2b:01:02:03:04:05", "ff002b0102030405"]],
};

for (const codec of networkCodecs) {
  describe(codec.name, () => {
    for (const [text, hex] of PRINTED[codec.name]!) {
      test(`${text} is read as PostgreSQL prints it, in both formats`, () => {
        assert.equal(codec.decodeText(text), text);
        assert.equal(decodeHex(codec, hex), text);
      });
    }

    test("a whole address as bytes is written as the server sends it", () => {
      const isMac = codec.name.startsWith("mac");
      let written = 0;
      for (const [text, hex] of PRINTED[codec.name]!) {
        const digits = hex.slice(isMac ? 0 : 8).match(/../g)!;
        const bits = Number.parseInt(hex.slice(2, 4), 16);
        if (!isMac && bits !== digits.length * 8) continue;
        const bytes = Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16));
        assert.ok(codec.accepts(bytes));
        assert.equal(codec.encodeText(bytes), text);
        assert.equal(encodeHex(codec, bytes), hex);
        written++;
      }
      assert.ok(written > 0);
    });

    test("text and binary agree on every address", () => {
      fc.assert(fc.property(fc.uint8Array({ minLength: 4, maxLength: 16 }), (bytes) => {
        fc.pre(codec.accepts(bytes));
        assert.equal(decodeBytes(codec, encodeBytes(codec, bytes)), codec.encodeText(bytes));
      }));
    });

    test("other values and bytes of another size are not accepted", () => {
      const sizes = new Map([["inet", [4, 16]], ["cidr", [4, 16]], ["macaddr", [6]], ["macaddr8", [
        8,
      ]]]);
      for (let size = 0; size < 20; size++) {
        const taken = sizes.get(codec.name)!.includes(size);
        assert.equal(codec.accepts(new Uint8Array(size)), taken);
      }
      for (const value of [0, 1n, true, {}, [1, 2, 3, 4]]) assert.ok(!codec.accepts(value));
    });

    test("any bytes are a value or a typed error", () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        try {
          assert.equal(typeof decodeBytes(codec, bytes), "string");
        } catch (error) {
          assert.ok(error instanceof DataError || error instanceof ProtocolError, String(error));
        }
      }));
    });

    test("a value cut off at any byte, or too long, is a typed error", () => {
      for (const [, hex] of PRINTED[codec.name]!) {
        for (let end = 0; end < hex.length; end += 2) {
          assert.throws(() => decodeHex(codec, hex.slice(0, end)), ProtocolError);
        }
        assert.throws(() => decodeHex(codec, `${hex}00`), ProtocolError);
      }
    });
  });
}

test("a family, size or netmask that cannot be is a DataError", () => {
  // deno-fmt-ignore
  const wrong: readonly string[] = [
    "0420000400000000", "0120000400000000", "0a20000400000000", "0221000400000000",
    "0220001000000000000000000000000000000000", "0320000400000000", "0220000300000000",
    "0381001000000000000000000000000000000000",
  ];
  for (const hex of wrong) {
    assert.throws(() => decodeHex(named(networkCodecs, "inet"), hex), DataError, hex);
    assert.throws(() => decodeHex(named(networkCodecs, "cidr"), hex), DataError, hex);
  }
});

test("IPv6 agrees with the URL parser's compression where no IPv4 address is embedded", () => {
  const word = fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
  const codec = named(networkCodecs, "inet");
  fc.assert(
    fc.property(fc.array(word, { minLength: 8, maxLength: 8 }), (words) => {
      fc.pre(words.slice(0, 5).some((value) => value !== 0));
      const bytes = Uint8Array.from(words.flatMap((value) => [value >> 8, value & 255]));
      const url = new URL(`http://[${words.map((value) => value.toString(16)).join(":")}]/`);
      assert.equal(`[${codec.encodeText(bytes)}]`, url.hostname);
    }),
    { numRuns: 1000 },
  );
});

test("the codecs are frozen and have the OIDs of pg_type", () => {
  assert.deepEqual(networkCodecs.map(({ name, oid, arrayOid }) => [name, oid, arrayOid]), [
    ["inet", 869, 1041],
    ["cidr", 650, 651],
    ["macaddr", 829, 1040],
    ["macaddr8", 774, 775],
  ]);
  assert.ok(networkCodecs.every((codec) => Object.isFrozen(codec)));
});
