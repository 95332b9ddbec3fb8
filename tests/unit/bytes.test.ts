import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { Reader } from "../../src/bytes/reader.ts";
import { Writer } from "../../src/bytes/writer.ts";
import { InterfaceError, ProtocolError } from "../../src/errors/errors.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";

const PLATFORM = new TextEncoder();

test("what a writer appends a reader reads, in the same order", () => {
  const out = new Writer(8);
  out.uint8(0xfe);
  out.int16(-2);
  out.int32(-3);
  out.int64(-(2n ** 63n));
  out.float32(1.5);
  out.float64(-0);
  out.text("ä€𝄞");
  out.cstring("end");
  const reader = new Reader(out.peek());
  assert.equal(reader.uint8(), 0xfe);
  assert.equal(reader.int16(), -2);
  assert.equal(reader.int32(), -3);
  assert.equal(reader.int64(), -(2n ** 63n));
  assert.equal(reader.float32(), 1.5);
  assert.ok(Object.is(reader.float64(), -0));
  assert.equal(reader.text(9), "ä€𝄞");
  assert.equal(reader.cstring(), "end");
  reader.finish();
});

test("text is written and read as the platform's UTF-8, whatever its length", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => {
    const out = new Writer(4);
    out.text(text);
    const bytes = PLATFORM.encode(text);
    assert.deepEqual([...out.peek()], [...bytes]);
    assert.equal(new Reader(bytes).text(bytes.length), new TextDecoder().decode(bytes));
  }));
});

test("text with a lone surrogate is refused, and nothing of it is appended", () => {
  const out = new Writer(8);
  for (const text of ["\ud800", "a\udfff", `${"a".repeat(100)}\ud800b`, `é\udc00\ud800`]) {
    assert.throws(() => out.text(text), { name: "InterfaceError", code: "22021" });
    assert.throws(() => out.cstring(text, "the name"), {
      message: "the name contains a lone surrogate, which UTF-8 cannot encode",
    });
  }
  assert.equal(out.length, 0);
});

test("a byte order mark is a character like any other", () => {
  for (const text of ["\uFEFFa", `\uFEFF${"a".repeat(100)}`]) {
    const bytes = PLATFORM.encode(text);
    assert.equal(new Reader(bytes).text(bytes.length), text);
  }
});

test("this runtime's own decoder reads every sequence of bytes as TextDecoder does", async () => {
  const { decodeUtf8 } = await detectRuntime();
  assert.ok(decodeUtf8 !== undefined);
  const platform = new TextDecoder("utf-8", { ignoreBOM: true });
  const same = (bytes: Uint8Array): void => {
    const shown = platform.decode(bytes);
    assert.equal(decodeUtf8(bytes, 0, bytes.length), shown);
    const within = new Uint8Array(bytes.length + 9).fill(0xc3);
    within.set(bytes, 4);
    assert.equal(decodeUtf8(within, 4, 4 + bytes.length), shown);
  };
  // deno-fmt-ignore
  const parts = [
    [0xef, 0xbb, 0xbf], [0x00], [0x61], [0x7f], [0x80], [0xc0, 0x80], [0xc3], [0xc3, 0xa9], [0xe2, 0x82],
    [0xe2, 0x82, 0xac], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98], [0xf0, 0x9f, 0x98, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff],
  ];
  const sequence = fc.array(fc.oneof(fc.constantFrom(...parts), fc.constant(parts[2]!)), {
    maxLength: 400,
    size: "max",
  });
  fc.assert(fc.property(sequence, (list) => same(Uint8Array.from(list.flat()))), { numRuns: 300 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), same), { numRuns: 1000 });
  same(PLATFORM.encode("a".repeat(1e6)));
  same(PLATFORM.encode("\uFEFFé€😀".repeat(1e5)));
});

test("reading past the end is a protocol error, and reads nothing", () => {
  const reads: ((reader: Reader) => unknown)[] = [
    (reader) => reader.uint8(),
    (reader) => reader.int16(),
    (reader) => reader.int32(),
    (reader) => reader.int64(),
    (reader) => reader.float64(),
    (reader) => reader.bytes(1),
    (reader) => reader.text(1),
    (reader) => reader.take(-1),
    (reader) => reader.cstring(),
  ];
  for (const read of reads) {
    const reader = new Reader(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    reader.position = reader.end = 5;
    assert.throws(() => read(reader), ProtocolError);
    assert.equal(reader.position, 5);
  }
});

test("a string must end within its message, not behind it", () => {
  const reader = new Reader(Uint8Array.of(65, 66, 0));
  reader.end = 2;
  assert.throws(() => reader.cstring(), /a string has no end/);
});

test("a count that cannot fit in what is left is refused", () => {
  const reader = new Reader(new Uint8Array(10));
  assert.equal(reader.count(5, 2), 5);
  assert.throws(() => reader.count(6, 2), /6 items do not fit/);
  assert.throws(() => reader.count(-1, 2), ProtocolError);
});

test("leftovers are refused", () => {
  const reader = new Reader(new Uint8Array(2));
  reader.uint8();
  assert.throws(() => reader.finish(), /1 bytes left over/);
});

test("bytes() is a copy", () => {
  const buffer = Uint8Array.of(1, 2);
  const copy = new Reader(buffer).bytes(2);
  buffer[0] = 9;
  assert.equal(copy[0], 1);
});

test("rollback forgets everything since the mark, across growth", () => {
  const out = new Writer(4);
  out.int32(7);
  const mark = out.mark();
  out.text("x".repeat(1000));
  out.rollback(mark);
  out.uint8(8);
  assert.deepEqual([...out.peek()], [0, 0, 0, 7, 8]);
});

test("detached bytes stay while others are appended, and their buffer comes back", () => {
  const out = new Writer(16);
  out.int32(1);
  const first = out.detach();
  out.int32(2);
  assert.deepEqual([...first], [0, 0, 0, 1]);
  assert.deepEqual([...out.peek()], [0, 0, 0, 2]);
  out.recycle();
  out.detach();
  out.uint8(3);
  assert.equal(out.peek().buffer, first.buffer);
});

test("a zero byte in a string that ends in one is refused by name", () => {
  assert.throws(() => new Writer().cstring("a\0b", "the query"), (error) => {
    assert.ok(error instanceof InterfaceError);
    assert.equal(error.message, "the query contains a zero byte");
    return true;
  });
});

test("a message's length counts itself and not the tag", () => {
  const out = new Writer();
  const at = out.beginMessage(0x51);
  out.cstring("a");
  out.endMessage(at);
  assert.deepEqual([...out.peek()], [0x51, 0, 0, 0, 6, 97, 0]);
});
