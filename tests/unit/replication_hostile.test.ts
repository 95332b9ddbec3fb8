import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { PgError } from "../../src/errors/errors.ts";
import {
  begin,
  bytesOf,
  commit,
  insert,
  relationBytes,
  streamCommit,
  streamStart,
  streamStop,
  TestStream,
  tuple,
} from "./replication_messages.ts";

/** Messages that must be refused, behind Begin and the Relation of `t (id int4, name text)`. */
const REFUSED: readonly (readonly [what: string, message: Uint8Array, reason: RegExp])[] = [
  ["an unknown kind", bytesOf("x"), /unknown kind "x": the slot's plugin is not pgoutput/],
  ["an unprintable kind", bytesOf(3), /unknown kind 0x3/],
  ["a tuple that is too short", insert(1, "1"), /table public.t, .*1 columns, but .* 2$/],
  ["a tuple that is too long", insert(1, "1", "x", "y"), /3 columns/],
  [
    "a value beyond the message",
    bytesOf("I", [4, 1], "N", [2, 2], "t", [4, 99]),
    /does not fit|99/,
  ],
  ["a negative length", bytesOf("I", [4, 1], "N", [2, 2], "t", [4, -5]), /malformed/],
  ["a value of an unknown kind", bytesOf("I", [4, 1], "N", [2, 2], "z", "z"), /unknown kind 122/],
  ["a Relation that never came", insert(2, "1", "x"), /relation 2, which the server has not desc/],
  ["an insert without a tuple", bytesOf("I", [4, 1], "K", tuple("1", "x")), /insert without/],
  ["an update without a tuple", bytesOf("U", [4, 1], "K", tuple("1", "x"), "K"), /update without/],
  ["a delete with a new tuple", bytesOf("D", [4, 1], "N", tuple("1", "x")), /delete without/],
  ["bytes left over", bytesOf(insert(1, "1", "x"), 0), /1 bytes left over/],
  ["a count of columns that lies", bytesOf("R", [4, 9], "s", 0, "t", 0, "d", [2, 60000]), /60000/],
  ["a count of tables that lies", bytesOf("T", [4, 0x7fffffff], 0), /2147483647 items/],
  ["a length of a message that lies", bytesOf("M", 1, [8, 1], "p", 0, [4, 1 << 30]), /malformed/],
  ["a name without an end", bytesOf("Y", [4, 9], "abc".slice(0, 1)), /no end/],
  ["a second Begin", begin(), /begins within another/],
  ["a part within a transaction", streamStart(5), /begins within a transaction/],
  ["a Stream Stop without a start", streamStop, /has not begun/],
  ["a Stream Commit within a transaction", streamCommit(5), /ends within another/],
  ["nothing", new Uint8Array(0), /malformed pgoutput message/],
];

for (const [what, message, reason] of REFUSED) {
  test(`refused: ${what}`, async () => {
    for (const compiled of [false, true]) {
      const stream = new TestStream();
      await stream.decode(begin(), relationBytes(1, "t"));
      for (let i = 0; compiled && i < 70; i++) await stream.decode(insert(1, "1", "x"));
      await assert.rejects(stream.decode(message), { name: "ProtocolError", message: reason });
    }
  });
}

test("refused: a change outside of a transaction", async () => {
  const stream = new TestStream();
  await stream.decode(relationBytes(1, "t"));
  await assert.rejects(stream.decode(insert(1, "1", "x")), /outside of a transaction/);
});

test("refused: a value that its codec does not read, by table and column", async () => {
  const stream = new TestStream();
  await stream.decode(begin(), relationBytes(1, "t"));
  for (let i = 0; i < 70; i++) {
    await assert.rejects(stream.decode(insert(1, "secret", "x")), (error: Error) => {
      assert.equal(error.name, "DataError");
      assert.match(error.message, /^table public.t, column "id" \(int4\): /);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    await stream.decode(insert(1, "1", "x"));
  }
});

test("any bytes are decoded, or refused with an error of the driver", async () => {
  const start = fc.constantFrom(..."IUDBCRYTMOSEcAbPpKr").map((letter) => letter.charCodeAt(0));
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.array(fc.constantFrom(0, 1, 2, 0x4e, 0x4b, 0x4f, 0x74, 0x62, 0x6e, 0x75, 23, 255), {
      maxLength: 60,
    }).map((bytes) => Uint8Array.from(bytes)),
  );
  const message = fc.tuple(start, body).map(([letter, rest]) => Uint8Array.of(letter, ...rest));
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 12 }), async (messages) => {
      const stream = new TestStream({ streaming: "parallel" });
      await stream.decode(relationBytes(1, "t"), begin(), relationBytes(0, "z"));
      for (const one of messages) {
        try {
          await stream.decode(one);
        } catch (error) {
          assert.ok(error instanceof PgError, String((error as Error).stack));
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("any message that is cut off is refused with an error of the driver", async () => {
  const whole = [
    relationBytes(2, "t"),
    bytesOf("U", [4, 1], "K", tuple("1", null), "N", tuple("2", Uint8Array.of(65))),
    bytesOf("T", [4, 1], 3, [4, 1]),
    bytesOf("M", 1, [8, 0x91], "inside", [4, 1], 5),
    bytesOf("O", [8, 0x42], "elsewhere"),
    commit(),
  ];
  for (const message of whole) {
    for (let length = 0; length < message.length; length++) {
      const stream = new TestStream();
      await stream.decode(begin(), relationBytes(1, "t"));
      await assert.rejects(stream.decode(message.subarray(0, length)), { name: "ProtocolError" });
    }
  }
});
