/**
 * Nanoseconds to decode and to encode one value of each type, in binary and in text, in this process
 * and without a server.
 *
 *     deno run -A bench/types.ts [part of a type's name …]
 *
 * `deno task bench` runs it on each runtime, after the workloads.
 */
import process from "node:process";
import { Reader } from "../src/bytes/reader.ts";
import { Writer } from "../src/bytes/writer.ts";
import type { Codec } from "../src/types/codec.ts";
import { completeRegistry } from "../src/types/complete_registry.ts";

/** A type, its text, and a value to encode where the decoded one is a string. */
type Sample = readonly [type: string, text: string, value?: unknown];

const NUMBERS = Array.from({ length: 100 }, (_, i) => i * 31);
const SAMPLES: readonly Sample[] = [
  ["bool", "t"],
  ["int4", "123456789"],
  ["int8", "1234567890123456789"],
  ["float4", "1.1"],
  ["float8", "0.30000000000000004"],
  ["numeric", "12345.67", 12345.67],
  ["numeric", "12345678901234567890.1234567890", "12345678901234567890.1234567890"],
  ["text", "forty-two characters of perfectly plain text"],
  ["bytea", `\\x${"deadbeef".repeat(16)}`],
  ["uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["jsonb", '{"id": 1, "name": "Ada", "tags": ["a", "b"]}'],
  ["date", "2026-02-28", new Date(0)],
  ["time", "12:34:56.789", new Date(45296789)],
  ["timestamp", "2026-02-28 12:34:56.789"],
  ["timestamptz", "2026-02-28 12:34:56.789+00"],
  ["interval", "1 year 2 mons 3 days 04:05:06.789"],
  ["inet", "192.168.0.5", new Uint8Array([192, 168, 0, 5])],
  ["point", "(1.5,-2.5)"],
  ["int4range", "[1,10)"],
  ["tstzrange", '["2026-02-28 12:34:56+00",)'],
  ["int4[]", `{${NUMBERS}}`],
  ["text[]", `{${NUMBERS.slice(0, 10).map((n) => `"number ${n}"`)}}`],
  ["composite", '(7,"a b",2026-02-28)', { a: 7, b: "a b", c: new Date(0) }],
];

const COMPOSITE_OID = 100_000;
const MILLISECONDS = 15;
const ROUNDS = 3;

const wanted = process.argv.slice(2);
const lines = SAMPLES.filter(([type]) =>
  wanted.length === 0 || wanted.some((part) => type.includes(part))
).map(measured);
print([
  ["ns per value", "binary → value", "text → value", "value → binary", "value → text"],
  ...lines,
]);

function measured([type, text, given]: Sample): string[] {
  const codec = codecOf(type);
  const decoded = codec.decodeText(text);
  const value = given ?? decoded;
  const binary = codec.encodeBinary === undefined ? undefined : bytesOf(codec, value);
  const label = text.length > 20 && type === "numeric"
    ? `${type}, ${text.length} characters`
    : type;
  return [
    label,
    binary === undefined || codec.decodeBinary === undefined ? "-" : decoding(codec, binary),
    nanoseconds(() => codec.decodeText(text)),
    binary === undefined ? "-" : encoding(codec, value),
    nanoseconds(() => codec.encodeText(value)),
  ];
}

function codecOf(type: string): Codec {
  const registry = completeRegistry();
  const attributes = [{ name: "a", oid: 23 }, { name: "b", oid: 25 }, { name: "c", oid: 1082 }];
  const schema = "public";
  registry.define({ oid: COMPOSITE_OID, name: "composite", schema, kind: "composite", attributes });
  return registry.lookup(type === "composite" ? COMPOSITE_OID : registry.oidOf(type)!)!;
}

function bytesOf(codec: Codec, value: unknown): Uint8Array {
  const out = new Writer();
  codec.encodeBinary!(value, out);
  return out.peek().slice();
}

function decoding(codec: Codec, binary: Uint8Array): string {
  const reader = new Reader(binary);
  return nanoseconds(() => {
    reader.position = 0;
    reader.end = binary.length;
    return codec.decodeBinary!(reader, binary.length);
  });
}

function encoding(codec: Codec, value: unknown): string {
  const out = new Writer();
  return nanoseconds(() => {
    codec.encodeBinary!(value, out);
    out.clear();
    return out.length;
  });
}

/** The best of some rounds: what others do on this machine only ever makes it slower. */
function nanoseconds(run: () => unknown): string {
  let best = Infinity;
  let kept: unknown;
  for (let round = 0; round < ROUNDS; round++) {
    let calls = 0;
    const start = performance.now();
    let spent = 0;
    while (spent < MILLISECONDS) {
      for (let i = 0; i < 500; i++) kept = run();
      calls += 500;
      spent = performance.now() - start;
    }
    best = Math.min(best, spent * 1e6 / calls);
  }
  if (kept === undefined) throw new Error("nothing was made");
  return best < 10 ? best.toFixed(1) : best.toFixed(0);
}

function print(lines: readonly (readonly string[])[]): void {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  for (const line of lines) {
    const cells = line.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
    );
    process.stdout.write(`${cells.join("  ")}\n`);
  }
}
