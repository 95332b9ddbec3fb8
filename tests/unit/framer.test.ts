import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { Reader } from "../../src/bytes/reader.ts";
import { ProtocolError } from "../../src/errors/errors.ts";
import { Framer } from "../../src/protocol/framer.ts";

/** A message as bytes. */
function message(tag: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + body.length);
  bytes[0] = tag;
  new DataView(bytes.buffer).setInt32(1, 4 + body.length);
  bytes.set(body, 5);
  return bytes;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/**
 * Returns the messages that a framer finds in the bytes, in pieces of the given sizes, again and again;
 * with `inRuns`, those of one tag are taken together.
 */
function shown(
  bytes: Uint8Array,
  sizes: readonly number[],
  { copying, inRuns }: { readonly copying: boolean; readonly inRuns: boolean },
): string[] {
  const framer = new Framer(1 << 20);
  const seen: string[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const wanted = sizes[turn % sizes.length]!;
    if (copying) {
      framer.append(bytes.subarray(at, at + wanted));
      at += wanted;
    } else {
      const space = framer.space();
      assert.ok(space.length > 0, "space() is never empty");
      const count = Math.min(space.length, wanted, bytes.length - at);
      space.set(bytes.subarray(at, at + count));
      framer.advance(count);
      at += count;
    }
    while (framer.next()) {
      const { reader, tag } = framer;
      if (inRuns) {
        framer.takeRun();
        seen.push(...inRun(reader));
      } else seen.push(`${tag}:${[...reader.bytes(reader.remaining)].join()}`);
    }
  }
  assert.equal(framer.pending, 0);
  return seen;
}

/** Returns the messages of a run, which begins with the body of the first one. */
function inRun({ buffer, view, position, end }: Reader): string[] {
  const seen: string[] = [];
  for (let at = position - 5; at < end;) {
    const next = at + 1 + view.getInt32(at + 1);
    seen.push(`${buffer[at]}:${[...buffer.subarray(at + 5, next)].join()}`);
    at = next;
  }
  return seen;
}

const messages = fc.array(
  fc.record({ tag: fc.integer({ min: 0, max: 2 }), body: fc.uint8Array({ maxLength: 300 }) }),
  { maxLength: 30 },
);
const sizes = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 5 });

test("messages come out as they went in, however they are cut", () => {
  const how = fc.record({ copying: fc.boolean(), inRuns: fc.boolean() });
  fc.assert(fc.property(messages, sizes, how, (list, sizes, how) => {
    const bytes = join(list.map(({ tag, body }) => message(tag, body)));
    const wanted = list.map(({ tag, body }) => `${tag}:${[...body].join()}`);
    assert.deepEqual(shown(bytes, sizes, how), wanted);
  }));
});

const DATA_ROW = 0x44;

test("a message larger than the buffer comes out whole, byte by byte and at once", () => {
  const body = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
  const bytes = join([
    message(1, Uint8Array.of(1)),
    message(DATA_ROW, body),
    message(3, new Uint8Array(0)),
  ]);
  const wanted = shown(bytes, [1 << 20], { copying: true, inRuns: false });
  assert.equal(wanted.length, 3);
  assert.deepEqual(shown(bytes, [1], { copying: false, inRuns: true }), wanted);
  assert.deepEqual(shown(bytes, [70_000], { copying: false, inRuns: true }), wanted);
});

test("a claimed length makes the buffer grow only as bytes arrive", () => {
  const framer = new Framer(1 << 30);
  framer.append(Uint8Array.of(0x44, 0x3f, 0xff, 0xff, 0xff));
  assert.equal(framer.next(), false);
  assert.ok(framer.space().buffer.byteLength <= 1 << 17);
});

test("a length under 4 or over the limit is refused by the message's name", () => {
  const cases: [number[], RegExp][] = [
    [[0x44, 0, 0, 0, 3], /malformed DataRow: its length is 3 bytes/],
    [[0x5a, 0xff, 0xff, 0xff, 0xff], /malformed ReadyForQuery: its length is -1 bytes/],
    [[0x54, 0, 0, 4, 1], /RowDescription of 1025 bytes is over the limit of 1024/],
    [[0x01, 0x7f, 0xff, 0xff, 0xff], /unknown message 0x01 of 2147483647 bytes is over the limit/],
  ];
  for (const [bytes, phrase] of cases) {
    const framer = new Framer(1024);
    framer.append(Uint8Array.from(bytes));
    assert.throws(() => framer.next(), (error) => {
      assert.ok(error instanceof ProtocolError);
      assert.match(error.message, phrase);
      return true;
    });
  }
});

test("messages that hold no data have a limit of their own", () => {
  const cases: [name: string, tag: string, limit: number][] = [
    ["NotificationResponse", "A", 65_536],
    ["ParameterStatus", "S", 65_536],
    ["CommandComplete", "C", 65_536],
    ["ReadyForQuery", "Z", 65_536],
    ["Authentication", "R", 65_536],
    ["RowDescription", "T", 16_777_216],
    ["ParameterDescription", "t", 16_777_216],
    ["DataRow", "D", 2 ** 30],
    ["ErrorResponse", "E", 2 ** 30],
    ["CopyData", "d", 2 ** 30],
  ];
  for (const [name, tag, limit] of cases) {
    for (const length of [limit, limit + 1]) {
      const framer = new Framer(2 ** 30);
      framer.append(message(tag.charCodeAt(0), new Uint8Array(0)));
      new DataView(framer.reader.buffer.buffer).setInt32(1, length);
      if (length === limit) assert.equal(framer.next(), false, name);
      else assert.throws(() => framer.next(), new RegExp(`${name} of ${length} bytes is over`));
    }
  }
});

test("the buffer is small until a read has filled it", () => {
  const framer = new Framer(1 << 20);
  const small = framer.space().length;
  framer.append(message(90, new Uint8Array(1)));
  while (framer.next());
  assert.equal(framer.space().length, small);
  framer.append(message(68, new Uint8Array(small)));
  while (framer.next());
  assert.ok(framer.space().length >= 65_536);
});

test("a run ends before a large, a malformed, an incomplete and another message", () => {
  const row = message(68, new Uint8Array(10));
  const large = message(68, new Uint8Array(70_000));
  const malformed = Uint8Array.from([68, 0, 0, 0, 3]);
  for (
    const [behind, name] of [
      [large, "large"],
      [malformed, "malformed"],
      [row.subarray(0, 14), "incomplete"],
      [row.subarray(0, 3), "header"],
      [message(67, new Uint8Array(4)), "other"],
    ] as const
  ) {
    const framer = new Framer(1 << 20);
    framer.append(join([row, row, row, behind]));
    assert.ok(framer.next());
    framer.takeRun();
    assert.equal(framer.reader.end - framer.reader.position + 5, 3 * row.length, name);
    assert.equal(framer.pending, behind.length, name);
  }
});
