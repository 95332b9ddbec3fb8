import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { decodeBase64, encodeBase64 } from "../../src/auth/base64.ts";
import { md5Response } from "../../src/auth/md5.ts";
import { passwordBytes } from "../../src/auth/password.ts";
import { saslPrep, saslPrepBytes } from "../../src/auth/sasl_prep.ts";
import { InterfaceError } from "../../src/errors/errors.ts";

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest();
const utf8 = (text: string) => new TextEncoder().encode(text);

test("md5: the response is the salted digest of the stored digest", () => {
  assert.equal(
    md5Response("scott", "secret", Uint8Array.of(1, 2, 3, 4), md5),
    "md52f6bb154f535d68928ddb48c436da22d",
  );
  assert.equal(
    md5Response("jörg", utf8("pässwörd"), Uint8Array.of(255, 0, 128, 7), md5),
    "md5d4055c3162b288525035ce493b368c79",
  );
});

test("password: a missing or empty one is an InterfaceError that names the method", () => {
  for (const none of [undefined, "", new Uint8Array(0)]) {
    const refusal = {
      name: "InterfaceError",
      code: "28P01",
      message: /\(md5\).*none was provided/,
    };
    assert.throws(() => passwordBytes(none, "md5"), refusal);
    assert.throws(() => md5Response("scott", none, new Uint8Array(4), md5), refusal);
  }
});

test("password: one with a zero byte is refused without being quoted", () => {
  for (const bad of ["sesame\0", utf8("\0sesame")]) {
    assert.throws(() => passwordBytes(bad, "password"), (error: Error) => {
      assert.ok(error instanceof InterfaceError);
      assert.ok(!error.message.includes("sesame"));
      return true;
    });
  }
});

test("saslprep: the examples of RFC 4013", () => {
  const examples: [string, string][] = [
    ["I\u00ADX", "IX"],
    ["user", "user"],
    ["USER", "USER"],
    ["\u00AA", "a"],
    ["\u2168", "IX"],
    ["\u0007", "\u0007"], // prohibited: as it was
    ["\u0627\u0031", "\u0627\u0031"], // bidirectional check: as it was
  ];
  for (const [password, prepared] of examples) assert.equal(saslPrep(password), prepared);
});

test("saslprep: spaces become a space, invisible characters nothing, the rest is NFKC", () => {
  const cases: [string, string][] = [
    ["a\u00A0b\u3000c\u200Bd", "a b c d"],
    ["\uFEFFs\u2060e\u180Bs\uFE0Fa\u034Fm\u200De", "sesame"],
    ["e\u0301", "\u00E9"],
    ["\uFF50\uFF41\uFF53\uFF53", "pass"],
    ["\u0627\u0628", "\u0627\u0628"],
    ["\u0627\u00AD 1\u0628", "\u0627 1\u0628"],
    ["\u{2F868}\u212B", "\u{36FC}\u00C5"],
  ];
  for (const [password, prepared] of cases) assert.equal(saslPrep(password), prepared);
});

test("saslprep: a refused password stays unchanged", () => {
  const refused: [string, string][] = [
    ["\u00AD", "nothing is left"],
    ["\uFF41\u0007", "control character"],
    ["\uFF41\uE000", "private use"],
    ["\uFF41\uFFFD", "replacement character"],
    ["\uFF41\uD800", "lone surrogate"],
    ["\uFF41\u{E0001}", "language tag"],
    ["\uFF41\u{1F418}", "not in Unicode 3.2"],
    ["\uFF41\u0340", "refused before normalisation, as PostgreSQL does it"],
    ["\uFF41\u0627", "left to right among right to left"],
    ["\u0627\u00A01", "right to left, but not at the end"],
    ["1\u00A0\u0627", "right to left, but not at the beginning"],
  ];
  for (const [password, why] of refused) assert.equal(saslPrep(password), password, why);
});

test("saslprep: every password results in itself or in its mapped and normalised form", () => {
  const character = fc.oneof(fc.nat(0x10ffff), fc.nat(0x3100), fc.constant(0xad));
  fc.assert(fc.property(fc.array(character), (codes) => {
    const password = String.fromCodePoint(...codes);
    const prepared = saslPrep(password);
    if (prepared === password) return;
    assert.equal(prepared, prepared.normalize("NFKC"));
    assert.ok(!/[\u00A0\u00AD\u3000\uFEFF]/.test(prepared));
  }));
});

test("saslprep: bytes that are not UTF-8 stay unchanged; a byte order mark is removed", () => {
  const invalid = Uint8Array.of(0x61, 0xc3, 0xaa, 0xff);
  assert.equal(saslPrepBytes(invalid), invalid);
  assert.deepEqual(saslPrepBytes(utf8("\u2168")), utf8("IX"));
  assert.deepEqual(saslPrepBytes(utf8("\uFEFFa")), utf8("a"));
  assert.deepEqual(saslPrepBytes(utf8("\uFEFF\u0007")), utf8("\uFEFF\u0007"));
});

test("base64: decoding reverses encoding, and returns undefined for other text", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    const text = encodeBase64(bytes);
    assert.equal(text, Buffer.from(bytes).toString("base64"));
    assert.deepEqual(decodeBase64(text), bytes);
  }));
  for (
    const bad of ["a", "ab", "abc", "ab=c", "abcd=", "a b=", "ab-_", "====", "YQ==YQ==", "YQ==\n"]
  ) {
    assert.equal(decodeBase64(bad), undefined, bad);
  }
});
