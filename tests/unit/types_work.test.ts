/** Decoders take steps, and return values, in proportion to the bytes received; steps are counted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { passfilePassword } from "../../src/config/passfile.ts";
import { parseServiceFile } from "../../src/config/service_file.ts";
import { Reader } from "../../src/bytes/reader.ts";
import { PgError } from "../../src/errors/errors.ts";
import { compositeOf } from "../../src/types/composite.ts";
import { EXTENSION_CODECS } from "../../src/types/extensions.ts";
import { OIDS } from "../../src/types/oids.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import { textCodec } from "../../src/types/scalars.ts";

const registry = completeRegistry();
const codecOf = (type: string) =>
  EXTENSION_CODECS.get(type) ?? registry.lookup(registry.oidOf(type)!)!;

/** A string that counts the characters that are looked at, one by one or in a method. */
function counted(text: string): { text: string; steps: () => number } {
  let steps = 0;
  const proxy = new Proxy(Object(text) as object, {
    get(_, key) {
      const value: unknown = Reflect.get(Object(text), key);
      if (key === "length") return text.length;
      if (typeof value !== "function") {
        steps++;
        return value;
      }
      return (...parameters: unknown[]) => {
        const result: unknown = value.apply(text, parameters);
        steps += key === "charCodeAt" || key === "startsWith"
          ? 1
          : typeof result === "string"
          ? result.length
          : text.length;
        return result;
      };
    },
  });
  return { text: proxy as unknown as string, steps: () => steps };
}

const TEXTS: readonly (readonly [type: string, text: (count: number) => string])[] = [
  ["int4[]", (count) => `{${"1,".repeat(count)}1}`],
  ["int4[]", (count) => `{${"{1},".repeat(count)}{1}}`],
  ["text[]", (count) => `{"${'\\"'.repeat(count)}"}`],
  ["text[]", (count) => `{${'"\\\\",'.repeat(count)}NULL}`],
  ["text[]", (count) => `{${"{".repeat(count)}`],
  ["box[]", (count) => `{${"(1,2),(0,0);".repeat(count)}(1,2),(0,0)}`],
  ["int4range", (count) => `["${"1".repeat(count)}`],
  ["tstzrange", (count) => `["${'""'.repeat(count)}",)`],
  ["int4multirange", (count) => `{${"[1,2),".repeat(count)}[1,2)}`],
  ["int4multirange", (count) => `{${"[1,2),".repeat(count)}`],
  ["record", (count) => `(${'"a""b",'.repeat(count)})`],
  ["record", (count) => `("${"\\\\".repeat(count)}")`],
  ["record", (count) => `(${'"'.repeat(2 * count + 1)})`],
  ["hstore", (count) => `${'"a"=>"b", '.repeat(count)}"a"=>NULL`],
  ["hstore", (count) => `"${"\\\\".repeat(count)}"=>NULL`],
  ["bytea", (count) => "\\\\".repeat(count)],
  ["bytea", (count) => `\\x${"00".repeat(count)}`],
  ["path", (count) => `[${"(1,2),".repeat(count)}(1,2)]`],
  ["polygon", (count) => `(${"(1,2),".repeat(count)}(1,2))`],
  ["numeric", (count) => "10".repeat(count)],
  ["numeric", (count) => `0.${"01".repeat(count)}`],
  ["bit", (count) => "10".repeat(count)],
  ["interval", (count) => "1 day ".repeat(count)],
  ["oidvector", (count) => `${"1 ".repeat(count)}1`],
  ["vector", (count) => `[${"1,".repeat(count)}1]`],
  ["sparsevec", (count) => `{${"1:2,".repeat(count)}1:2}/9`],
  ["cube", (count) => `(${"1, ".repeat(count)}1)`],
  ["geometry", (count) => "01".repeat(count)],
];

for (const [type, make] of TEXTS) {
  test(`text of ${type}: twice the text takes twice the steps (${make(2)})`, () => {
    const cost = (count: number): number => {
      const { text, steps } = counted(make(count));
      try {
        codecOf(type).decodeText(text);
      } catch (error) {
        assert.ok(error instanceof PgError, String(error));
      }
      return steps();
    };
    for (let count = 600; count <= 4800; count *= 2) {
      assert.ok(cost(2 * count) <= 2.1 * cost(count) + 100, `${count}`);
      assert.ok(cost(count) <= 12 * make(count).length, `${count}`);
    }
  });
}

test("text of nested composites: each level reads what it was given once", () => {
  let seen = 0;
  let codec = textCodec("text", OIDS.text) as Parameters<typeof compositeOf>[0][number]["codec"];
  let text = "x";
  for (let depth = 1; depth <= 12; depth++) {
    const inner = codec;
    const counting = {
      ...inner,
      decodeText(part: string): unknown {
        seen += part.length;
        return inner.decodeText(part);
      },
    };
    codec = compositeOf([{ name: "a", oid: 1, codec: counting }], {
      name: `c${depth}`,
      oid: depth,
      arrayOid: 0,
    }) as typeof codec;
    text = `("${text.replace(/["\\]/g, "$&$&")}")`;
    seen = 0;
    codec.decodeText(text);
    assert.ok(seen < text.length * 2, `${depth}`);
  }
});

/** Characters, bytes and items in a value. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== "object" || value === null) return 1;
  let size = 1;
  for (const [key, item] of Object.entries(value)) size += key.length + sizeOf(item);
  return size;
}

test("binary of any type: reads and results are bounded by the bytes", () => {
  let reads = 0;
  class CountingReader extends Reader {
    override take(count: number): number {
      reads++;
      return super.take(count);
    }
  }
  const codecs = [
    ...Object.values(OIDS).map((oid) => registry.lookup(oid)!),
    ...EXTENSION_CODECS.values(),
  ]
    .filter((codec) => codec.decodeBinary !== undefined);
  // Counts, sizes and weights as large as they get, among small ones.
  const word = fc.constantFrom(0, 1, 2, 0x7fff, 0x8000, 0xffff, 0x3fff, 25, 23, 4);
  const bytes = fc.array(word, { maxLength: 40 }).map((words) =>
    Uint8Array.from(words.flatMap((item) => [item >> 8, item & 255]))
  );
  fc.assert(
    fc.property(fc.constantFrom(...codecs), bytes, (codec, bytes) => {
      const reader = new CountingReader(bytes);
      reads = 0;
      let value: unknown;
      try {
        value = codec.decodeBinary!(reader, bytes.length);
      } catch (error) {
        assert.ok(error instanceof PgError, `${codec.name}: ${error}`);
      }
      assert.ok(reads <= 4 * bytes.length + 10, `${codec.name}: ${reads} reads`);
      assert.ok(sizeOf(value) <= 40 * bytes.length + 2100, `${codec.name}: ${sizeOf(value)}`);
    }),
    { numRuns: 3000 },
  );
});

test("password and service files: twice the text takes twice the steps", () => {
  const key = { host: "h", port: 1, database: "d", user: "u" };
  const files: readonly ((text: string) => unknown)[] = [
    (text) => passfilePassword(text, key),
    (text) => parseServiceFile(text, "s", "f"),
  ];
  const lines = ["\r", "a\r", " ", "#", "[", "[s]\n", "h:1:d:x:y\n", "\\:", "::::\n", "*:"];
  for (const read of files) {
    for (const line of lines) {
      const cost = (count: number): number => {
        const { text, steps } = counted(line.repeat(count) + "x");
        try {
          read(text);
        } catch (error) {
          assert.ok(error instanceof PgError, String(error));
        }
        return steps();
      };
      for (let count = 600; count <= 4800; count *= 2) {
        assert.ok(cost(2 * count) <= 2.1 * cost(count) + 100, JSON.stringify(line));
      }
    }
  }
});
