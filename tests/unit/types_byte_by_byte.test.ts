import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { Temporal } from "temporal-polyfill";
import { DataError, ProtocolError } from "../../src/errors/errors.ts";
import type { Codec } from "../../src/types/codec.ts";
import type { TypesOptions } from "../../src/types/registry.ts";
import { decodeBytes } from "./types_bytes.ts";
import { everyCodec, everySample, type Sample } from "./types_samples.ts";

const POLICIES: Readonly<Record<string, TypesOptions>> = {
  "by default": {},
  "with numbers and Temporal": {
    ...{ int8: "number", numeric: "number", datetime: "temporal", temporal: Temporal },
    arrays: "bounded",
  },
  "as strings": { int8: "string", datetime: "string" },
};

/** Bytes of a sample that are changed; long ones repeat themselves. */
const LONGEST = 96;
/** Characters of the longest value of a few bytes: a numeric with a thousand zeros at both ends. */
const HEAVIEST = 2100;
/** Types whose values a policy changes, and their ranges; other codecs are the same under each. */
const CHANGED = /int8|xid8|num|date|time|ts.*range/;
const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff];
const COUNTS = [0x7fffffff, 0xffffffff, 0x80000000, 0x08000000, 0x00ffffff, 0x0000ffff];
const CHARACTERS = [..."{}[]()\"\\,;:=>- +.0e'NTZ", "\0", "\u20ac", ""];

for (const [how, options] of Object.entries(POLICIES)) {
  test(`${how}, a value cut off, continued, or with any byte or count changed is a value or a typed error`, () => {
    const samples = everySample(options).filter(({ codec }) => isChanged(codec, options));
    let decoded = 0;
    quickly(() => {
      for (const sample of samples) {
        for (const bytes of changed(sample)) decoded += survives(sample.codec, bytes);
      }
    });
    const codecs = new Set(samples.map(({ codec }) => codec)).size;
    const [most, least] = how === "by default" ? [140, 90_000] : [15, 10_000];
    assert.ok(codecs > most && decoded > least, `${decoded} changes of ${codecs} codecs' values`);
    if (how === "by default") told(`${codecs} codecs survive their binary values byte by byte`);
  });

  test(`${how}, a text cut off or with any character changed is a value or a typed error`, () => {
    const texts = everyText(options).filter(([codec]) => isChanged(codec, options));
    quickly(() => {
      for (const [codec, text] of texts) {
        for (const other of changedText(text)) survivesText(codec, other);
      }
    });
    const codecs = new Set(texts.map(([codec]) => codec)).size;
    assert.equal(codecs, everyCodec(options).filter((codec) => isChanged(codec, options)).length);
    if (how === "by default") told(`${codecs} codecs survive their texts character by character`);
  });
}

function isChanged({ name }: Codec, options: TypesOptions): boolean {
  const isDefault = Object.keys(options).length === 0;
  return isDefault || CHANGED.test(name) || (options.arrays === "bounded" && name.startsWith("_"));
}

function* changed({ hex }: Sample): Generator<Uint8Array> {
  const bytes = bytesOf(hex);
  for (let end = 0; end < bytes.length; end++) yield bytes.subarray(0, end);
  for (const more of [1, 4, 40]) yield Uint8Array.of(...bytes, ...new Uint8Array(more));
  const end = Math.min(bytes.length, LONGEST);
  for (let at = 0; at < end; at++) {
    const bits = [1, 2, 4, 8, 16, 32, 64, 128].map((bit) => bytes[at]! ^ bit);
    for (const byte of new Set([...BYTES, ...bits])) {
      const other = bytes.slice();
      other[at] = byte;
      yield other;
    }
    if (at + 4 > end) continue;
    for (const count of COUNTS) {
      const other = bytes.slice();
      new DataView(other.buffer).setUint32(at, count);
      yield other;
    }
  }
}

/** Returns texts that the server may send, for each codec: of its samples where it reads binary. */
function everyText(options: TypesOptions): [Codec, string][] {
  const texts = new Map<string, string[]>();
  for (const { codec, hex } of everySample()) {
    const value = decodeBytes(codec, bytesOf(hex));
    const written = codec.accepts(value) ? codec.encodeText(value) : String(value);
    texts.set(codec.name, [...texts.get(codec.name) ?? [], written]);
  }
  return everyCodec(options).flatMap((codec) => {
    const own = texts.get(codec.name) ?? [OTHERS[codec.name] ?? "{abc}"];
    return own.map((text): [Codec, string] => [codec, text]);
  });
}

const OTHERS: Readonly<Record<string, string>> = {
  "record": '(1,"a ""b""",,)',
  "_record": '{"(1,\\"a b\\",)",NULL}',
  "cube": "(1, 2),(3, 4)",
};

function* changedText(text: string): Generator<string> {
  const end = Math.min(text.length, LONGEST);
  for (let at = 0; at < end; at++) {
    yield text.slice(0, at);
    for (const character of CHARACTERS) yield text.slice(0, at) + character + text.slice(at + 1);
  }
  yield text + text;
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function survives(codec: Codec, bytes: Uint8Array): 1 {
  try {
    const heavy = weight(decodeBytes(codec, bytes));
    assert.ok(heavy < HEAVIEST + 64 * bytes.length, `${codec.name} made ${heavy} of few bytes`);
  } catch (error) {
    assert.ok(isTyped(error), `${codec.name} ${bytes}: ${error}`);
  }
  return 1;
}

function survivesText(codec: Codec, text: string): void {
  try {
    weight(codec.decodeText(text));
  } catch (error) {
    assert.ok(isTyped(error), `${codec.name} ${JSON.stringify(text)}: ${error}`);
  }
}

function isTyped(error: unknown): boolean {
  return error instanceof DataError || error instanceof ProtocolError;
}

/** Returns the number of characters, bytes and parts of a value. */
function weight(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 1;
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.reduce((sum, item) => sum + weight(item), value.length);
  return Object.values(value).reduce((sum, item) => sum + weight(item), 1);
}

/** Runs without stack traces, which would take most of the time. */
function quickly(run: () => void): void {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function told(line: string): void {
  process.stdout.write(`# ${line}\n`);
}
