import assert from "node:assert/strict";
import { test } from "node:test";
import { InterfaceError } from "../../src/errors/errors.ts";
import { Range } from "../../src/types/range.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import type { TypeInfo, TypeRegistry } from "../../src/types/registry.ts";
import { decodeBytes, decodeHex, encodeBytes, encodeHex } from "./types_bytes.ts";

const schema = "s";
const INFOS: readonly TypeInfo[] = [
  { oid: 60001, name: "mood", schema, kind: "enum", arrayOid: 60002 },
  { oid: 60002, name: "_mood", schema, kind: "array", elementOid: 60001 },
  { oid: 60003, name: "big", schema, kind: "domain", baseOid: 20, arrayOid: 60004 },
  { oid: 60004, name: "_big", schema, kind: "array", elementOid: 60003 },
  {
    oid: 60005,
    name: "pair",
    schema,
    kind: "composite",
    arrayOid: 60006,
    attributes: [
      { name: "mood", oid: 60001 },
      { name: "bigs", oid: 60004 },
      { name: "span", oid: 60007 },
      { name: "price", oid: 1700 },
    ],
  },
  { oid: 60006, name: "_pair", schema, kind: "array", elementOid: 60005 },
  { oid: 60007, name: "bigrange", schema, kind: "range", rangeSubtypeOid: 60003 },
  { oid: 60008, name: "bigmultirange", schema, kind: "multirange", rangeOid: 60007 },
  { oid: 60009, name: "hstore", schema, kind: "base", arrayOid: 60010 },
  { oid: 60010, name: "_hstore", schema, kind: "array", elementOid: 60009 },
  { oid: 60011, name: "odd", schema, kind: "base" },
  { oid: 60012, name: "_lost", schema, kind: "array", elementOid: 60099 },
];

function defined(registry: TypeRegistry): TypeRegistry {
  for (const info of INFOS) registry.define(info);
  return registry;
}

test("an OID that was not defined is unknown", () => {
  assert.equal(completeRegistry().lookup(60001), undefined);
  assert.equal(completeRegistry().lookup(0), undefined);
  assert.equal(completeRegistry().lookup(9999), undefined);
});

test("what the catalogue tells is built from what is known, in any order", () => {
  for (const infos of [INFOS, [...INFOS].reverse()]) {
    const registry = completeRegistry();
    for (const info of infos) registry.define(info);
    const pairs = registry.lookup(60006)!;
    assert.equal(pairs.name, "_pair");
    const value = [
      { mood: "so so", bigs: [1n, null], span: new Range(2n, 3n), price: "1.50" },
      null,
    ];
    assert.deepEqual(pairs.decodeText(pairs.encodeText(value)), value);
    const binary = [{ ...value[0], price: 1.5 }];
    assert.deepEqual(decodeBytes(pairs, encodeBytes(pairs, binary)), [{
      ...value[0],
      price: "1.5",
    }]);
    const multi = registry.lookup(60008)!;
    assert.deepEqual(multi.decodeText("{[1,2),[3,)}"), [
      new Range(1n, 2n),
      new Range<bigint | null>(3n, null),
    ]);
  }
});

test("a domain has its own OID and its base's form", () => {
  const registry = defined(completeRegistry());
  assert.equal(registry.lookup(60003)!.oid, 60003);
  assert.equal(decodeHex(registry.lookup(60003)!, "0000000000000005"), 5n);
  assert.equal(encodeHex(registry.lookup(60004)!, [1n]).slice(16, 24), "0000ea63");
});

test("a policy holds in arrays, domains, ranges and composites", () => {
  const registry = defined(completeRegistry({ int8: "string", numeric: "number" }));
  assert.deepEqual(registry.lookup(1016)!.decodeText("{1}"), ["1"]);
  assert.deepEqual(registry.lookup(3926)!.decodeText("[1,2)"), new Range("1", "2"));
  assert.deepEqual(registry.lookup(60005)!.decodeText('(ok,{1},"[1,2)",1.50)'), {
    mood: "ok",
    bigs: ["1"],
    span: new Range("1", "2"),
    price: 1.5,
  });
  assert.deepEqual(registry.lookup(3906)!.decodeText("[1.50,2)"), new Range(1.5, 2));
});

test("an extension's type is found by its name, with its array", () => {
  const registry = defined(completeRegistry());
  assert.deepEqual(registry.lookup(60009)!.decodeText('"a"=>"1"'), { a: "1" });
  assert.deepEqual(registry.lookup(60010)!.decodeText('{"\\"a\\"=>NULL"}'), [{ a: null }]);
  assert.equal(registry.lookup(60010)!.oid, 60010);
});

test("a type without a codec, or with unknown parts, is text", () => {
  const registry = defined(completeRegistry());
  assert.equal(registry.lookup(60011)!.decodeText("x"), "x");
  assert.equal(registry.lookup(60011)!.decodeBinary, undefined);
  assert.deepEqual(registry.lookup(60012)!.decodeText("{x,NULL}"), ["x", null]);
  assert.equal(registry.lookup(60012)!.decodeBinary, undefined);
});

test("a part that becomes known later is used from then on, until all is forgotten", () => {
  const registry = defined(completeRegistry());
  assert.deepEqual(registry.lookup(60012)!.decodeText("{1}"), ["1"]);
  registry.define({ oid: 60099, name: "lost", schema, kind: "domain", baseOid: 23 });
  assert.deepEqual(registry.lookup(60012)!.decodeText("{1}"), [1]);
  registry.forget();
  assert.equal(registry.lookup(60099), undefined);
  assert.equal(registry.lookup(60012), undefined);
});

test("a catalogue that has a type within itself ends", () => {
  const registry = completeRegistry();
  const attributes = [{ name: "self", oid: 60021 }];
  registry.define({ oid: 60020, name: "knot", schema, kind: "composite", attributes });
  registry.define({ oid: 60021, name: "_knot", schema, kind: "array", elementOid: 60020 });
  registry.define({ oid: 60022, name: "me", schema, kind: "domain", baseOid: 60022 });
  assert.deepEqual(registry.lookup(60020)!.decodeText("({x})"), { self: ["x"] });
  assert.equal(registry.lookup(60022)!.decodeText("x"), "x");
});

test("five lines register a type, by name or OID, in the options or later", () => {
  const upper = { decode: (text: string) => text.toUpperCase() };
  const byOption = defined(completeRegistry({ codecs: [{ name: "s.mood", ...upper }] }));
  assert.equal(byOption.lookup(60001)!.decodeText("ok"), "OK");
  assert.deepEqual(byOption.lookup(60002)!.decodeText("{ok,NULL}"), ["OK", null]);
  const later = defined(completeRegistry());
  assert.deepEqual(later.lookup(60002)!.decodeText("{ok}"), ["ok"]);
  later.register({ oid: 60001, ...upper });
  assert.deepEqual(later.lookup(60002)!.decodeText("{ok}"), ["OK"]);
  later.register({ name: "text", ...upper });
  assert.deepEqual(later.lookup(1009)!.decodeText("{a}"), ["A"]);
  assert.equal(later.lookup(1043)!.decodeText("a"), "a");
  assert.equal(completeRegistry().lookup(25)!.decodeText("a"), "a");
});

test("a registered type takes all but strings when it can encode, and what it says it accepts", () => {
  class Mood {
    readonly name: string;
    constructor(name: string) {
      this.name = name;
    }
  }
  const registry = defined(completeRegistry());
  registry.register({
    name: "s.mood",
    decode: (text) => new Mood(text),
    encode: (mood: unknown) => (mood as Mood).name,
  });
  const mood = registry.lookup(60001)!;
  assert.ok(mood.accepts(new Mood("ok")));
  assert.ok(!mood.accepts("ok") && mood.accepts(1));
  assert.equal(
    registry.lookup(60002)!.encodeText([new Mood("so so"), "ok", null]),
    '{"so so",ok,NULL}',
  );
  registry.register({ name: "s.mood", decode: (text) => text });
  assert.ok(!registry.lookup(60001)!.accepts(new Mood("ok")));
});

test("a codec without a name and an OID is refused", () => {
  for (const codec of [{}, { decode: String }, { oid: 1.5 }, { name: "" }]) {
    assert.throws(() => completeRegistry().register(codec), InterfaceError);
  }
});

test("an unknown policy is refused by its name", () => {
  const wrong = { int8: "float", numeric: "decimal", datetime: "moment", arrays: "list" };
  for (const [name, policy] of Object.entries(wrong)) {
    assert.throws(() => completeRegistry({ [name]: policy }), {
      name: "InterfaceError",
      message: new RegExp(`types\\.${name} must be `),
    });
  }
});

test("types are found by SQL's names for them", () => {
  const registry = defined(completeRegistry());
  const names: [string, number | undefined][] = [
    ["int4", 23],
    ["integer", 23],
    ["INTEGER", 23],
    ["numeric(10,2)", 1700],
    ["timestamp with time zone", 1184],
    ["timestamp(3) with time zone", 1184],
    ["double  precision", 701],
    ["character varying(10)[]", 1015],
    ["pg_catalog.int8", 20],
    ["text[][]", 1009],
    ["_text", 1009],
    ['"char"', 18],
    ["char", 1042],
    ["int4[3]", 1007],
    ['"int4"', 23],
    ["s.mood", undefined],
    ["mood[]", undefined],
    ['"Text"', undefined],
    ["constructor", undefined],
    ["nothing", undefined],
    ["nothing[]", undefined],
    ["s.odd[]", undefined],
  ];
  for (const [name, oid] of names) assert.equal(registry.oidOf(name), oid, name);
});

test("a query's own policies and codecs change nothing for the connection, and share its catalogue", () => {
  const registry = completeRegistry();
  registry.register({ name: "s.mood", decode: (text) => `mood ${text}` });
  const own = registry.with({ int8: "string", codecs: [{ name: "bool", decode: () => "yes" }] });
  defined(registry);
  assert.deepEqual(own.lookup(60004)!.decodeText("{1}"), ["1"]);
  assert.equal(own.lookup(60001)!.decodeText("ok"), "mood ok");
  assert.equal(own.lookup(16)!.decodeText("t"), "yes");
  assert.deepEqual(registry.lookup(60004)!.decodeText("{1}"), [1n]);
  assert.equal(registry.lookup(16)!.decodeText("t"), true);
  registry.forget();
  assert.equal(own.lookup(60004), undefined);
});

test("types nested without end by a hostile catalogue are text, not an overflowing stack", () => {
  const registry = completeRegistry();
  const [first, depth] = [100_000, 50_000];
  for (let i = 0; i < depth; i++) {
    const common = { oid: first + i, name: `d${i}`, schema: "s" };
    registry.define({ ...common, kind: "domain", baseOid: first + i + 1 });
  }
  assert.equal(registry.lookup(first)!.decodeText("7"), "7");
  const [own, around] = [first - 1, first - 2];
  registry.define({ oid: own, name: "own", schema: "s", kind: "array", elementOid: around });
  const attributes = [{ name: "a", oid: own }];
  registry.define({ oid: around, name: "around", schema: "s", kind: "composite", attributes });
  assert.deepEqual(registry.lookup(own)!.decodeText('{"(x)"}'), [{ a: "x" }]);
});

test("a codec that is given by its OID alone has the type's name, for errors", () => {
  const registry = completeRegistry({ codecs: [{ oid: 25, decode: (text) => text }] });
  registry.register({ oid: 1043, encode: String });
  registry.register({ oid: 23, name: "my.int" });
  registry.register({ oid: 99_999, decode: (text) => text });
  // deno-fmt-ignore
  assert.deepEqual(
    [25, 1043, 23, 99_999, 1009].map((oid) => registry.lookup(oid)!.name),
    ["text", "varchar", "my.int", "type 99999", "_text"],
  );
});
