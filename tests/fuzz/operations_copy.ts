// COPY of the fuzz: in and out, as text, CSV, binary and typed rows; sources that fail, readers that leave.
import assert from "node:assert/strict";
import { type CopyData, DataError, PgError } from "../../mod.ts";
import { Writer } from "../../src/bytes/writer.ts";
import { writeBinaryHeader, writeBinaryTrailer } from "../../src/protocol/copy_format.ts";
import { failure } from "../_kit/outcomes.ts";
import { aWhile, expectCode, expectRow, type Operations, type Place, upTo } from "./operations.ts";
import type { Random } from "../wire/model.ts";

const FORMATS = ["text", "csv", "binary"] as const;
const PADS = ["", "x", "a\\b", 'a"b', "tab\tnewline\n", "ä€😀"] as const;

function padOf(i: number): string {
  return PADS[i % PADS.length]!;
}

/** The rows 1 to `count` of a nonce, as COPY reads them, a piece for each. */
function pieces(format: typeof FORMATS[number], nonce: number, count: number): CopyData[] {
  const rows = upTo(count);
  if (format === "binary") return binaryPieces(nonce, rows);
  if (format === "csv") {
    return rows.map((i) => `${nonce},${i},"${padOf(i).replaceAll('"', '""')}"\n`);
  }
  const escaped = (text: string) =>
    text.replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n");
  return rows.map((i) => `${nonce}\t${i}\t${escaped(padOf(i))}\n`);
}

function binaryPieces(nonce: number, rows: readonly number[]): Uint8Array[] {
  const piece = (write: (out: Writer) => void): Uint8Array => {
    const out = new Writer();
    write(out);
    return out.peek().slice();
  };
  const row = (i: number) =>
    piece((out) => {
      out.int16(3);
      for (const n of [nonce, i]) {
        out.int32(4);
        out.int32(n);
      }
      const at = out.lengthHere();
      out.text(padOf(i));
      out.patchValueLength(at);
    });
  return [piece(writeBinaryHeader), ...rows.map(row), piece(writeBinaryTrailer)];
}

/** Cuts data anywhere, through characters as well. */
function recut(data: readonly CopyData[], random: Random): CopyData[] {
  const encoder = new TextEncoder();
  const bytes = data.flatMap((piece) => [
    ...(typeof piece === "string" ? encoder.encode(piece) : piece),
  ]);
  const cut: Uint8Array[] = [];
  while (bytes.length > 0) cut.push(Uint8Array.from(bytes.splice(0, 1 + random.below(100))));
  return cut;
}

/** Something to copy from; with `error`, it fails before the piece `at`. */
function sourceOf<T>(
  items: readonly T[],
  random: Random,
  failing?: { readonly error: Error; readonly at: number },
): Iterable<T> | AsyncIterable<T> | ReadableStream<T> {
  function* plain(): Generator<T> {
    for (const [i, item] of items.entries()) {
      if (i === failing?.at) throw failing.error;
      yield item;
    }
    if (failing !== undefined && failing.at >= items.length) throw failing.error;
  }
  async function* slow(): AsyncGenerator<T> {
    for (const item of plain()) {
      if (random.below(8) === 0) await aWhile(random);
      yield item;
    }
  }
  switch (random.below(3)) {
    case 0:
      return plain();
    case 1:
      return slow();
    default: {
      const iterator = plain();
      return new ReadableStream<T>({
        pull(controller) {
          const { done, value } = iterator.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
      });
    }
  }
}

/** Runs a copy in of rows 1 to some number, and answers how many. */
export async function copySome(
  { db, nonce, random, world }: Pick<Place, "nonce" | "random" | "world"> & {
    readonly db: Pick<Place["db"], "copyFrom">;
  },
): Promise<number> {
  const { table, rows } = world.setting;
  const count = random.below(rows);
  const format = FORMATS[random.below(3)]!;
  const whole = pieces(format, nonce, count);
  const data = random.below(4) === 0 ? recut(whole, random) : whole;
  const source = sourceOf(data, random);
  const copied = await db.copyFrom(`copy ${table} from stdin (format ${format})`, source);
  assert.equal(copied, count);
  return count;
}

export const COPIES_IN: Operations = {
  "copy in": {
    often: 5,
    isExclusive: true,
    isExposed: true,
    async run(place) {
      place.world.wrote(place.nonce, upTo(await copySome(place)));
      return "ok";
    },
  },
  "copy rows in": {
    often: 3,
    isExclusive: true,
    isExposed: true,
    async run({ db, nonce, random, world }) {
      const { table, rows } = world.setting;
      const list = upTo(random.below(rows)).map((i) =>
        i % 2 === 0 ? [nonce, i, padOf(i)] : { i, nonce, pad: padOf(i) }
      );
      const format = (["binary", "text", undefined] as const)[random.below(3)];
      const columns = ["nonce", "i", "pad"];
      const copied = await db.copyRowsFrom(table, columns, sourceOf(list, random), { format });
      world.wrote(nonce, upTo(copied));
      assert.equal(copied, list.length);
      return "ok";
    },
  },
  "copy in, failing source": {
    often: 3,
    isExclusive: true,
    isExposed: true,
    async run({ db, nonce, random, world }) {
      const { table, rows } = world.setting;
      const error = new Error("mine");
      const data = pieces("csv", nonce, random.below(rows));
      const at = random.below(data.length + 1);
      const source = sourceOf(data, random, { error, at });
      const found = await failure(db.copyFrom(`copy ${table} from stdin (format csv)`, source));
      if (found !== error) throw found;
      return "failed";
    },
  },
  "copy rows in, failing source": {
    often: 2,
    isExclusive: true,
    isExposed: true,
    async run({ db, nonce, random, world }) {
      const { table, rows } = world.setting;
      const error = new Error("mine");
      const list = upTo(random.below(rows)).map((i) => [nonce, i, padOf(i)]);
      const isBad = list.length > 0 && random.below(2) === 0;
      const at = random.below(list.length + 1);
      if (isBad) list[at % list.length]![1] = "no number";
      const source = sourceOf(list, random, isBad ? undefined : { error, at });
      const columns = ["nonce", "i", "pad"];
      const found = await failure(db.copyRowsFrom(table, columns, source));
      if (found === error) return "failed";
      // As binary the driver refuses it, as text the server.
      if (isBad && (found instanceof DataError || /row/.test(String(found)))) return "failed";
      throw found;
    },
  },
  "copy in, bad row": {
    often: 3,
    isExclusive: true,
    isExposed: true,
    async run({ db, nonce, random, world }) {
      const data = pieces("text", nonce, 1 + random.below(world.setting.rows));
      data[random.below(data.length)] = `${nonce}\tnumber\t\n`;
      const source = sourceOf(data, random);
      const found = await failure(db.copyFrom(`copy ${world.setting.table} from stdin`, source));
      expectCode(found, "22P02");
      return "failed";
    },
  },
};

/** Reads a copy out as text, line by line. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  assert.equal(rest, "");
}

/** Copies out rows with the nonce as text or CSV, and leaves now and then; how many were seen. */
export async function copySomeOut(
  { db, nonce, random, world }: Pick<Place, "nonce" | "random" | "world"> & {
    readonly db: Pick<Place["db"], "copyTo">;
  },
): Promise<"ok" | "left"> {
  const count = random.below(4 * world.setting.rows);
  const leave = random.below(2) === 0 ? 1 + random.below(world.setting.rows) : Infinity;
  const [format, tab] = random.below(2) === 0 ? ["text", "\t"] : ["csv", ","];
  const text = `copy (select ${nonce}, i, repeat('x', 100) from generate_series(1, ${count}) i)
    to stdout (format ${format})`;
  let seen = 0;
  for await (const line of linesOf(db.copyTo(text))) {
    if (!line.startsWith(`${nonce}${tab}${++seen}${tab}`)) assert.fail(`${nonce}: ${line}`);
    if (seen === leave) return "left";
  }
  assert.equal(seen, count);
  return "ok";
}

export const COPIES_OUT: Operations = {
  "copy out": { often: 4, isExclusive: true, isExposed: true, cancels: "own", run: copySomeOut },
  "copy out, binary": {
    often: 2,
    isExclusive: true,
    isExposed: true,
    async run({ db, nonce, random }) {
      const count = random.below(30);
      const text = `copy (select ${nonce}::int as nonce, i, '' as pad
        from generate_series(1, ${count}) i where i % 6 = 0) to stdout (format binary)`;
      const found: number[] = [];
      for await (const chunk of db.copyTo(text)) found.push(...chunk);
      const rows = upTo(count).filter((i) => i % 6 === 0);
      assert.deepEqual(found, binaryPieces(nonce, rows).flatMap((piece) => [...piece]));
      return "ok";
    },
  },
  "copy rows out": {
    often: 3,
    isExclusive: true,
    isExposed: true,
    cancels: "own",
    async run({ db, random, world }) {
      const number = 1 + random.below(9);
      const leave = random.below(2) === 0 ? 1 + random.below(100) : Infinity;
      let seen = 0;
      const columns = ["i", "nonce"];
      for await (const row of db.copyRowsTo(world.setting.view(number), columns)) {
        expectRow(row, -number, ++seen);
        if (seen === leave) return "left";
      }
      assert.equal(seen, 10 * number);
      return "ok";
    },
  },
  "failing copy out": {
    often: 2,
    isExclusive: true,
    isExposed: true,
    async run({ db, nonce, random }) {
      const at = random.below(50);
      const text =
        `copy (select ${nonce}, 1 / (${at} - i) from generate_series(0, 60) i) to stdout`;
      const lines = linesOf(db.copyTo(text));
      const reading = async (): Promise<void> => {
        for await (const line of lines) assert.ok(line.startsWith(`${nonce}\t`));
      };
      const error = await failure(reading());
      if (!(error instanceof PgError)) throw error;
      expectCode(error, "22012");
      return "failed";
    },
  },
};
