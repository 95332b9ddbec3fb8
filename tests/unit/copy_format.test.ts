import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader } from "../../src/bytes/reader.ts";
import { Writer } from "../../src/bytes/writer.ts";
import { ProtocolError } from "../../src/errors/errors.ts";
import {
  lineCounter,
  readBinaryHeader,
  type RowCounter,
  tupleCounter,
  TupleEnds,
  writeBinaryHeader,
  writeBinaryTrailer,
} from "../../src/protocol/copy_format.ts";

const encoder = new TextEncoder();

/** Whole, and cut into parts of each size. */
function assertCount(make: () => RowCounter, bytes: Uint8Array, rows: number): void {
  for (const size of [bytes.length, 1, 2, 3, 5]) {
    const count = make();
    let found = 0;
    for (let at = 0; at < bytes.length; at += size) {
      found += count(bytes, at, Math.min(bytes.length, at + size));
    }
    assert.equal(found, rows, `in parts of ${size}`);
  }
}

function binary(...rows: readonly (readonly (string | null)[])[]): Uint8Array {
  const out = new Writer();
  writeBinaryHeader(out);
  for (const row of rows) {
    out.int16(row.length);
    for (const value of row) {
      const at = out.lengthHere();
      if (value === null) out.view.setInt32(at, -1);
      else {
        out.text(value);
        out.patchValueLength(at);
      }
    }
  }
  writeBinaryTrailer(out);
  return out.peek().slice();
}

test("copy format: lines are counted, in CSV not those within quotes", () => {
  assertCount(() => lineCounter(false), encoder.encode('a\n"b\nc"\n\nd'), 4);
  assertCount(() => lineCounter(true), encoder.encode('a\n"b\n""c\n"\n\n'), 3);
});

test("copy format: tuples are counted wherever they are cut", () => {
  assertCount(tupleCounter, binary(), 0);
  assertCount(tupleCounter, binary(["a", null, ""], [], ["\0\0\xff", "x".repeat(300)]), 3);
});

test("copy format: a header that is not whole is waited for, another one refused", () => {
  const whole = binary();
  for (let size = 0; size < 19; size++) {
    assert.equal(readBinaryHeader(new Reader(whole.slice(0, size))), false);
  }
  const extended = new Uint8Array([...whole.slice(0, 18), 3, 1, 2, 3, 255, 255]);
  assert.equal(readBinaryHeader(new Reader(extended.slice(0, 21))), false);
  const reader = new Reader(extended);
  assert.equal(readBinaryHeader(reader), true);
  assert.equal(reader.position, 22);
  const refused = (at: number, byte: number) => {
    const bytes = whole.slice();
    bytes[at] = byte;
    assert.throws(() => readBinaryHeader(new Reader(bytes)), ProtocolError);
  };
  refused(0, 0x51);
  refused(12, 1);
  refused(15, 0xff);
});

const tupleEnd = (reader: Reader): number | undefined => new TupleEnds().find(reader);

test("copy format: a tuple is found when it is whole, and a negative length refused", () => {
  const tuple = binary(["a", null, "bcd"]).slice(19, -2);
  for (let size = 0; size < tuple.length; size++) {
    assert.equal(tupleEnd(new Reader(tuple.slice(0, size))), undefined);
  }
  assert.equal(tupleEnd(new Reader(tuple)), tuple.length);
  tuple.set([0xff, 0xff, 0xff, 0xfe], 2);
  assert.throws(() => tupleEnd(new Reader(tuple)), ProtocolError);
});

test("copy format: a tuple in many pieces is looked at once, however many there are", () => {
  let reads = 0;
  class CountingView extends DataView<ArrayBuffer> {
    override getInt32(at: number): number {
      reads++;
      return super.getInt32(at);
    }
  }
  for (let fields = 100; fields <= 3200; fields *= 2) {
    const tuple = binary(Array<string>(fields).fill("abc")).slice(19, -2);
    const ends = new TupleEnds();
    reads = 0;
    for (let size = 1; size <= tuple.length; size++) {
      const reader = new Reader(tuple.subarray(0, size));
      reader.view = new CountingView(tuple.buffer, tuple.byteOffset, size);
      assert.equal(ends.find(reader), size === tuple.length ? size : undefined);
    }
    assert.equal(reads, fields);
  }
});
