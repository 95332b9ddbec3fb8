import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "node:test";
import { majors } from "../_kit/servers.ts";
import { withConnection, withDatabase } from "../server/types_server.ts";
import { CASES, inBatches, readTexts, writeValues } from "./types_property.ts";

const hex = (words: number): fc.Arbitrary<string[]> =>
  fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)).map((word) => word.toString(16)), {
    minLength: words,
    maxLength: words,
  });
const octet = fc.nat(255);
const ipv4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
const ipv6 = hex(8).map((words) => words.join(":"));
const inet = fc.oneof(
  ipv4,
  ipv6,
  ipv4.map((address) => `::ffff:${address}`),
  fc.tuple(ipv4, fc.nat(32)).map((parts) => parts.join("/")),
  fc.tuple(ipv6, fc.nat(128)).map((parts) => parts.join("/")),
);
const mac = (size: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: size, maxLength: size })
    .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("-"));

/** As a literal makes it, with `Object.prototype`. */
function record<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const double = fc.double({ noNaN: true, min: -1e100, max: 1e100 });
const any = fc.double();
const point = record({ x: any, y: any });
const points = fc.array(record({ x: double, y: double }), { minLength: 1, maxLength: 12 });
const SHAPES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  "point": point,
  "line": record({ a: fc.integer({ min: 1 }), b: double, c: double }),
  "lseg": record({ start: point, end: point }),
  "box": fc.tuple(double, double, double, double).map(([a, b, c, d]) => ({
    high: { x: Math.max(a, c), y: Math.max(b, d) },
    low: { x: Math.min(a, c), y: Math.min(b, d) },
  })),
  "path": record({ closed: fc.boolean(), points }),
  "polygon": record({ points }),
  "circle": record({ center: point, radius: fc.double({ noNaN: true, min: 0 }) }),
};

/** Words with what text search treats specially, quoted as its input wants them. */
const word = fc.string({
  unit: fc.constantFrom(..."ab'\\ :&|!<>()é😀"),
  minLength: 1,
  maxLength: 8,
});
const quoted = word.map((text) => `'${text.replace(/['\\]/g, "$&$&")}'`);
const lexeme = fc.tuple(
  quoted,
  fc.array(fc.tuple(fc.integer({ min: 1, max: 16383 }), fc.constantFrom("", "A", "B", "C", "D")), {
    maxLength: 4,
  }),
)
  .map(([text, positions]) =>
    positions.length === 0 ? text : `${text}:${positions.map((parts) => parts.join("")).join(",")}`
  );
const { tsquery } = fc.letrec<{ tsquery: string }>((tie) => ({
  tsquery: fc.oneof(
    { maxDepth: 6, depthIdentifier: "tsquery" },
    fc.tuple(quoted, fc.subarray(["*", "A", "B", "C", "D"])).map(([text, flags]) =>
      flags.length === 0 ? text : `${text}:${flags.join("")}`
    ),
    fc.tuple(
      tie("tsquery"),
      fc.constantFrom("&", "|", "<->", "<0>", "<7>", "<16384>"),
      tie("tsquery"),
    )
      .map(([left, sign, right]) => `(${left} ${sign} ${right})`),
    tie("tsquery").map((inner) => `!(${inner})`),
  ),
}));
const jsonpath = fc.tuple(
  fc.constantFrom("$", "strict $", "lax $"),
  fc.array(
    fc.constantFrom(
      ".a",
      '."é \\" x"',
      "[*]",
      "[1 to last]",
      ".**",
      ".size()",
      " ? (@.b > 1.5)",
      ".type()",
    ),
  ),
)
  .map(([root, steps]) => root + steps.join(""));

const TEXTS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "inet": inet,
  "cidr": fc.oneof(
    ipv4,
    ipv6,
    fc.tuple(octet, fc.integer({ min: 8, max: 32 })).map(([a, bits]) => `${a}.0.0.0/${bits}`),
    fc.integer({ min: 16, max: 128 }).map((bits) => `2001::/${bits}`),
  ),
  "macaddr": mac(6),
  "macaddr8": mac(8),
  "tsvector": fc.array(lexeme, { maxLength: 8 }).map((lexemes) => lexemes.join(" ")),
  "tsquery": fc.oneof({ weight: 9, arbitrary: tsquery }, { weight: 1, arbitrary: fc.constant("") }),
  "jsonpath": jsonpath,
  ...Object.fromEntries(
    Object.entries(SHAPES).map(([type, shape]) => [
      type,
      shape.map((value) => shapeText(type, value as never)),
    ]),
  ),
};

const key = fc.string({ unit: fc.constantFrom(..."ab\"\\',=> NULé😀") });
const hstore = fc.dictionary(key, fc.option(key), { maxKeys: 8, noNullPrototype: true });
const label = fc.string({ unit: fc.constantFrom(..."abXY_09"), minLength: 1, maxLength: 8 });
const EXTENSIONS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  "hstore": hstore,
  "citext": fc.string({ unit: fc.constantFrom(...'aAÉ"{}\\, ') }),
  "ltree": fc.array(label, { maxLength: 6 }).map((labels) => labels.join(".")),
  "lquery": fc.array(fc.tuple(label, fc.constantFrom("", "*", "@", "@*")), {
    minLength: 1,
    maxLength: 5,
  }).map((labels) => labels.map((parts) => parts.join("")).join(".")),
  "ltxtquery": fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join(" & ")),
};

for (const major of majors()) {
  for (const [type, texts] of Object.entries(TEXTS)) {
    test(`every ${type} of PostgreSQL ${major} is read alike in text and in binary`, async () => {
      await withConnection(major, {}, async (db) => {
        const cases = await inBatches(texts, async (batch) => {
          await readTexts(db, type, batch);
        });
        assert.ok(cases >= CASES, `${cases} cases`);
      });
    });
  }

  for (const [type, values] of Object.entries(SHAPES)) {
    test(`PostgreSQL ${major} sends back every ${type} it is sent`, async () => {
      await withConnection(major, {}, async (db) => {
        const cases = await inBatches(values, async (batch) => {
          await writeValues(db, type, batch);
        });
        assert.ok(cases >= CASES, `${cases} cases`);
      });
    });
  }

  for (const [type, values] of Object.entries(EXTENSIONS)) {
    test(`PostgreSQL ${major} sends back every ${type} it is sent, found by its name`, async () => {
      const extension = type.startsWith("l") ? "ltree" : type;
      await withDatabase(major, `create extension ${extension}`, {}, async (db) => {
        const cases = await inBatches(values, async (batch) => {
          await writeValues(db, type, batch);
        });
        assert.ok(cases >= CASES, `${cases} cases`);
      });
    });
  }
}

interface Shape {
  readonly x: number;
  readonly y: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly start: Shape;
  readonly end: Shape;
  readonly high: Shape;
  readonly low: Shape;
  readonly closed: boolean;
  readonly points: readonly Shape[];
  readonly center: Shape;
  readonly radius: number;
}

function shapeText(type: string, shape: Shape): string {
  const at = ({ x, y }: Shape): string => `(${x},${y})`;
  switch (type) {
    case "point":
      return at(shape);
    case "line":
      return `{${shape.a},${shape.b},${shape.c}}`;
    case "lseg":
      return `[${at(shape.start)},${at(shape.end)}]`;
    case "box":
      return `(${at(shape.low)},${at(shape.high)})`;
    case "circle":
      return `<${at(shape.center)},${shape.radius}>`;
    default: {
      const points = shape.points.map(at).join(",");
      return type === "path" && !shape.closed ? `[${points}]` : `(${points})`;
    }
  }
}
