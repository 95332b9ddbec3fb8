import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader } from "../../src/bytes/reader.ts";
import { CopiedRows, Tuples } from "../../src/features/copied_rows.ts";
import { failure } from "../_kit/outcomes.ts";

const HEADER = `PGCOPY\n\xff\r\n\0${"\0".repeat(8)}`;
const TRAILER = "\xff\xff";

/** Rows of one int2, which arrive in the given chunks. `ended` gets a word when the copy ends. */
function rowsOf(chunks: readonly string[], ended: string[] = []): CopiedRows<number> {
  const decode = (reader: Reader) => {
    assert.equal(reader.uint16(), 1);
    reader.int32();
    const value = reader.int16();
    if (value === 13) throw new Error("thirteen");
    return value;
  };
  const arrivals = async function* () {
    const tuples = new Tuples<number>(decode, new Reader());
    try {
      for (const chunk of chunks) {
        await Promise.resolve();
        tuples.add(Uint8Array.from(chunk, (character) => character.charCodeAt(0)));
        yield tuples;
      }
      tuples.finish();
    } finally {
      ended.push("ended");
    }
  };
  return new CopiedRows(arrivals());
}

function tuple(value: number): string {
  return `\0\x01\0\0\0\x02\0${String.fromCharCode(value)}`;
}

const THREE = [HEADER + tuple(1) + tuple(2), tuple(3).slice(0, 5), tuple(3).slice(5) + TRAILER];

test("copied rows: calls that do not wait for each other are answered in their order", async () => {
  const ended: string[] = [];
  const rows = rowsOf(THREE, ended);
  const order: number[] = [];
  const calls = [1, 2, 3, 4, 5].map(async (call) => {
    const { value, done } = await rows.next();
    order.push(call);
    return done ? undefined : value;
  });
  assert.deepEqual(await Promise.all(calls), [1, 2, 3, undefined, undefined]);
  assert.deepEqual(order, [1, 2, 3, 4, 5]);
  assert.deepEqual(ended, ["ended"]);
});

test("copied rows: a call that is made when a row arrives does not overtake earlier ones", async () => {
  const rows = rowsOf(THREE);
  const first = rows.next();
  const second = rows.next();
  const third = first.then(() => rows.next());
  assert.deepEqual((await second).value, 2);
  assert.deepEqual((await third).value, 3);
});

test("copied rows: return() ends the copy behind the calls before it, and no row follows", async () => {
  const ended: string[] = [];
  const rows = rowsOf(THREE, ended);
  const answers = await Promise.all([rows.next(), rows.return(), rows.next()]);
  assert.deepEqual(answers.map(({ done, value }) => done ? "end" : value), [1, "end", "end"]);
  assert.deepEqual(ended, ["ended"]);
});

test("copied rows: throw() ends the copy and rejects with its argument", async () => {
  const ended: string[] = [];
  const rows = rowsOf(THREE, ended);
  assert.equal((await rows.next()).value, 1);
  assert.equal((await failure(rows.throw(new Error("enough")))).message, "enough");
  assert.equal((await rows.next()).done, true);
  assert.deepEqual(ended, ["ended"]);
});

test("copied rows: a row that cannot be read ends the copy, first or later in a chunk", async () => {
  for (const chunk of [tuple(13) + tuple(2), tuple(1) + tuple(13) + tuple(2)]) {
    const ended: string[] = [];
    const rows = rowsOf([HEADER + chunk + TRAILER], ended);
    if (chunk.startsWith(tuple(1))) assert.equal((await rows.next()).value, 1);
    const [error, behind] = await Promise.all([failure(rows.next()), rows.next()]);
    assert.equal(error.message, "thirteen");
    assert.equal(behind.done, true);
    assert.deepEqual(ended, ["ended"]);
  }
});
