// Values of every built-in base type for types_round_trip.test.ts and types_settings.test.ts, and
// the types without values, with the reason.
import { Interval } from "../../src/types/interval.ts";
import { Range } from "../../src/types/range.ts";

/**
 * The value; the literal that PostgreSQL reads as this value; the text that it prints in DateStyle ISO,
 * IntervalStyle postgres and TimeZone UTC, where that is not the literal; the first major version
 * that accepts the literal, where 14 does not.
 */
export type Row = readonly [value: unknown, literal: string, printed?: string, since?: number];

/** A family's tables by the names of its types. */
export type Family = Readonly<Record<string, readonly Row[]>>;

const YEAR_2020 = Date.UTC(2020, 1, 29, 12, 30, 15, 250);
const MONTHS = { months: 14, days: -3, microseconds: 14_706_789_000n };

/** Text searches of thousands of words, nested to the left and to the right. */
const CHAIN = Array.from({ length: 3000 }, (_, i) => `'w${i}'`).join(" & ");
const NEST = `${"'w' <-> ( ".repeat(1500)}'w' <-> 'w'${" )".repeat(1500)}`;

const UNSIGNED: readonly Row[] = [[0, "0"], [1, "1"], [4294967295, "4294967295"]];
const UUIDS: readonly Row[] = [
  "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
  "00000000-0000-0000-0000-000000000000",
  "ffffffff-ffff-ffff-ffff-ffffffffffff",
].map((text) => [text, text]);
const TEXTS: readonly Row[] = [
  "",
  "abc",
  "é😀\t\n",
  "{}",
  "NULL",
  'a "quoted" \\ text, (with) [all] signs;',
  "  blanks  ",
].map((text) => [text, text]);

// deno-fmt-ignore
export const NUMBERS: Family = {
  "bool": [[true, "t"], [false, "f"], [true, "yes", "t"]],
  "int2": [[0, "0"], [-1, "-1"], [32767, "32767"], [-32768, "-32768"]],
  "int4": [[0, "0"], [-1, "-1"], [2147483647, "2147483647"], [-2147483648, "-2147483648"]],
  "int8": [
    [0n, "0"], [-1n, "-1"], [9007199254740993n, "9007199254740993"],
    [9223372036854775807n, "9223372036854775807"], [-9223372036854775808n, "-9223372036854775808"],
  ],
  "oid": UNSIGNED,
  "xid": UNSIGNED,
  "cid": UNSIGNED,
  "xid8": [[0n, "0"], [18446744073709551615n, "18446744073709551615"]],
  "float4": [
    [0, "0"], [-0, "-0"], [1.5, "1.5"], [1.1, "1.1"], [-3.4028235e38, "-3.4028235e+38"],
    [1e-45, "1e-45"], [1.1754944e-38, "1.1754944e-38"], [16777216, "1.6777216e+07"],
    [NaN, "NaN"], [Infinity, "Infinity"], [-Infinity, "-Infinity"],
  ],
  "float8": [
    [0, "0"], [-0, "-0"], [0.1, "0.1"], [0.30000000000000004, "0.30000000000000004"],
    [-1.7976931348623157e308, "-1.7976931348623157e+308"], [5e-324, "5e-324"],
    [1e15, "1e+15"], [123456789012345680, "1.2345678901234568e+17"],
    [NaN, "NaN"], [Infinity, "Infinity"], [-Infinity, "-Infinity"],
  ],
  "numeric": [
    ["0", "0"], ["0.00", "0.00"], ["-1.500", "-1.500"], ["10000", "10000"], ["0.0001", "0.0001"],
    ["NaN", "NaN"], ["Infinity", "Infinity"], ["-Infinity", "-Infinity"],
    ["12345678901234567890.1234567890", "12345678901234567890.1234567890"],
    [`${"9".repeat(3000)}.${"0123456789".repeat(400)}`, `${"9".repeat(3000)}.${"0123456789".repeat(400)}`],
    ["1e-16383", `0.${"0".repeat(16382)}1`],
    ["1e131071", "1e131071", `1${"0".repeat(131071)}`],
  ],
  "money": [["$0.00", "0", "$0.00"], ["-$92,233,720,368,547,758.08", "-92233720368547758.08", "-$92,233,720,368,547,758.08"]],
};

// deno-fmt-ignore
export const STRINGS: Family = {
  "text": TEXTS,
  "varchar": TEXTS,
  "bpchar": TEXTS,
  "name": TEXTS,
  "refcursor": TEXTS,
  '"char"': [["a", "a"], ["", ""], ["\\377", "\\377", "\\377", 15], ["\\", "\\"], ["\"", "\""]],
  "bytea": [
    [new Uint8Array(), "\\x"],
    [new Uint8Array([0, 255, 92, 39, 34]), "\\x00ff5c2722"],
    [Uint8Array.from({ length: 256 }, (_, i) => i), `\\x${Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0")).join("")}`],
  ],
  "bit": [["1", "1"], ["0", "0"]],
  "varbit": [["", ""], ["1", "1"], ["10101010", "10101010"], ["101010101", "101010101"]],
  "uuid": UUIDS,
  "xml": [["<a b=\"1\">é</a>", "<a b=\"1\">é</a>"], ["text only", "text only"]],
  "json": [
    [{}, "{}"], [{ a: [1, null, "x"], "é": { b: true } }, "{\"a\":[1,null,\"x\"],\"é\":{\"b\":true}}"],
    [[], "[]"], [[1, [2, [3]]], "[1,[2,[3]]]"], [[{ "q\"\\": "," }], "[{\"q\\\"\\\\\":\",\"}]"],
  ],
  "jsonb": [
    [{}, "{}"], [{ a: [1, null, "x"], "é": { b: true } }, "{\"a\":[1,null,\"x\"],\"é\":{\"b\":true}}", "{\"a\": [1, null, \"x\"], \"é\": {\"b\": true}}"],
    [[], "[]"], [[1, [2, [3]]], "[1,[2,[3]]]", "[1, [2, [3]]]"],
    [JSON.parse("{\"__proto__\":1}"), "{\"__proto__\":1}", "{\"__proto__\": 1}"],
  ],
  "jsonpath": [["$.\"a\"[*]?(@ > 1)", "$.\"a\"[*]?(@ > 1)"], ["strict $", "strict $"]],
  "tsvector": [["", ""], ["'a':1A,2B,3C,4 'b' 'ba\\\\ck' 'it''s':16383", "'a':1A,2B,3C,4 'b' 'ba\\\\ck' 'it''s':16383"]],
  "tsquery": [
    ["", ""], ["'fat' & ( 'rat':*AB | !'cat' ) <-> 'd'", "'fat' & ('rat':*AB | !'cat') <-> 'd'", "'fat' & ( 'rat':*AB | !'cat' ) <-> 'd'"],
    ["'a' <-> ( 'b' <3> 'c' )", "'a' <-> ('b' <3> 'c')", "'a' <-> ( 'b' <3> 'c' )"],
    [CHAIN, CHAIN], [NEST, NEST],
  ],
};

// deno-fmt-ignore
export const DATES: Family = {
  "date": [
    ["2020-02-29", "2020-02-29"], ["0044-03-15 BC", "0044-03-15 BC"], ["4713-11-24 BC", "4713-11-24 BC"],
    ["0001-01-01", "0001-01-01"], ["10000-01-01", "10000-01-01"], ["5874897-12-31", "5874897-12-31"],
    ["infinity", "infinity"], ["-infinity", "-infinity"],
  ],
  "time": [["00:00:00", "00:00:00"], ["23:59:59.999999", "23:59:59.999999"], ["24:00:00", "24:00:00"], ["04:05:06.7", "04:05:06.7"]],
  "timetz": [["00:00:00+00", "00:00:00+00"], ["04:05:06.789-15:59:59", "04:05:06.789-15:59:59"], ["24:00:00+05:45", "24:00:00+05:45"]],
  "timestamp": [
    [new Date(YEAR_2020), "2020-02-29 12:30:15.25"], [Infinity, "infinity"], [-Infinity, "-infinity"],
    [new Date(Date.parse("-000043-03-15T01:02:03Z")), "0044-03-15 01:02:03 BC"],
    [new Date(Date.parse("-004713-11-24T00:00:00Z")), "4714-11-24 00:00:00 BC"],
    [new Date(8.64e15), "275760-09-13 00:00:00"], ["294276-12-31 23:59:59.999999", "294276-12-31 23:59:59.999999"],
    [new Date(Date.parse("1969-12-31T23:59:59.999Z")), "1969-12-31 23:59:59.999"],
  ],
  "timestamptz": [
    [new Date(YEAR_2020), "2020-02-29 14:30:15.25+02", "2020-02-29 12:30:15.25+00"],
    [Infinity, "infinity"], [-Infinity, "-infinity"],
    [new Date(Date.parse("-000043-03-15T01:02:03Z")), "0044-03-15 01:02:03+00 BC"],
    [new Date(Date.parse("-004713-11-24T00:00:00Z")), "4714-11-24 00:00:00+00 BC"],
    [new Date(8.64e15), "275760-09-13 00:00:00+00"], ["294276-12-31 23:59:59.999999+00", "294276-12-31 23:59:59.999999+00"],
  ],
  "interval": [
    [new Interval(), "0", "00:00:00"],
    [new Interval(MONTHS), "14 mons -3 days 04:05:06.789", "1 year 2 mons -3 days +04:05:06.789"],
    [new Interval({ months: -2147483647, days: 2147483647, microseconds: -1n }), "-2147483647 mons 2147483647 days -00:00:00.000001", "-178956970 years -7 mons +2147483647 days -00:00:00.000001"],
    [new Interval({ microseconds: 9223372036854775807n }), "2562047788:00:54.775807", "2562047788:00:54.775807", 15],
    [Infinity, "infinity", "infinity", 17], [-Infinity, "-infinity", "-infinity", 17],
  ],
};

// deno-fmt-ignore
export const NETWORKS: Family = {
  "inet": [
    ["192.168.0.5", "192.168.0.5"], ["192.168.0.5/24", "192.168.0.5/24"], ["::", "::"], ["::1.2.3.4", "::1.2.3.4"],
    ["2001:db8::1/64", "2001:db8::1/64"], ["::ffff:1.2.3.4", "::ffff:1.2.3.4"], ["0.0.0.0/0", "0.0.0.0/0"], ["1:0:0:2::", "1:0:0:2:0:0:0:0", "1:0:0:2::"],
  ],
  "cidr": [["10.0.0.0/8", "10.0.0.0/8"], ["1.2.3.4/32", "1.2.3.4/32"], ["2001:db8::/32", "2001:db8::/32"]],
  "macaddr": [["08:00:2b:01:02:03", "08-00-2B-01-02-03", "08:00:2b:01:02:03"]],
  "macaddr8": [["08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:05"]],
};

// deno-fmt-ignore
export const SHAPES: Family = {
  "point": [[{ x: 1, y: -2.5 }, "(1,-2.5)"], [{ x: Infinity, y: NaN }, "(Infinity,NaN)"], [{ x: 1e300, y: -0 }, "(1e+300,-0)"]],
  "line": [[{ a: 1, b: -1, c: 0.5 }, "{1,-1,0.5}"]],
  "lseg": [[{ start: { x: 1, y: 2 }, end: { x: 3, y: 4 } }, "[(1,2),(3,4)]"]],
  "box": [[{ high: { x: 3, y: 4 }, low: { x: 1, y: 2 } }, "(3,4),(1,2)"]],
  "path": [
    [{ closed: true, points: [{ x: 1, y: 2 }, { x: 3, y: 4 }] }, "((1,2),(3,4))"],
    [{ closed: false, points: [{ x: 1, y: 2 }] }, "[(1,2)]"],
  ],
  "polygon": [[{ points: [{ x: 0, y: 0 }, { x: 1, y: 1 }, { x: 2, y: 0 }] }, "((0,0),(1,1),(2,0))"]],
  "circle": [[{ center: { x: 1, y: 2 }, radius: 3 }, "<(1,2),3>"]],
};

// deno-fmt-ignore
export const SYSTEM: Family = {
  "tid": [["(0,1)", "(0,1)"], ["(4294967295,65535)", "(4294967295,65535)"]],
  "pg_lsn": [["0/0", "0/0"], ["16/B374D848", "16/B374D848"], ["FFFFFFFF/FFFFFFFF", "FFFFFFFF/FFFFFFFF"]],
  "pg_snapshot": [["10:20:10,14,15", "10:20:10,14,15"], ["10:20:", "10:20:"]],
  "txid_snapshot": [["10:20:10", "10:20:10"]],
  "int2vector": [[[], ""], [[1, -2, 3], "1 -2 3"]],
  "oidvector": [[[], ""], [[1, 4294967295], "1 4294967295"]],
  "regproc": [["now", "now"], ["-", "0", "-"]],
  "regprocedure": [["abs(integer)", "abs(integer)"]],
  "regoper": [["||/", "||/"]],
  "regoperator": [["+(integer,integer)", "+(integer,integer)"]],
  "regclass": [["pg_class", "pg_class"]],
  "regcollation": [["\"C\"", "\"C\""]],
  "regtype": [["integer", "int4", "integer"]],
  "regrole": [["postgres", "postgres"]],
  "regnamespace": [["pg_catalog", "pg_catalog"]],
  "regconfig": [["english", "english"]],
  "regdictionary": [["simple", "simple"]],
  "aclitem": [["postgres=r/postgres", "postgres=r/postgres"]],
};

/** Ranges have a type of their own for some types only; multiranges are arrays. */
// deno-fmt-ignore
export const RANGES: Family = {
  "int4range": [[new Range(1, 5), "[1,5)"], [Range.empty(), "empty"], [new Range<number>(null, 5, "()"), "(,5)"], [new Range(null, null, "()"), "(,)"], [new Range(2, 4), "(1,3]", "[2,4)"]],
  "int8range": [[new Range(1n, 9223372036854775807n), "[1,9223372036854775807)"]],
  "numrange": [[new Range("1.50", "2.0", "[]"), "[1.50,2.0]"], [new Range("-Infinity", "NaN", "()"), "(-Infinity,NaN)"]],
  "tsrange": [[new Range<Date | number>(new Date(YEAR_2020), Infinity), "[\"2020-02-29 12:30:15.25\",infinity)"]],
  "tstzrange": [[new Range<Date | number>(-Infinity, new Date(YEAR_2020), "(]"), "(-infinity,\"2020-02-29 12:30:15.25+00\"]"]],
  "daterange": [[new Range("2020-02-29", "infinity"), "[2020-02-29,infinity)"], [new Range("0044-03-15 BC", null), "[0044-03-15 BC,)", "[\"0044-03-15 BC\",)"]],
};

// deno-fmt-ignore
export const MULTIRANGES: Family = {
  "int4multirange": [[[], "{}"], [[new Range(1, 2), new Range(5, 9)], "{[1,2),[5,9)}"], [[new Range<number>(null, 1, "()"), new Range<number>(5, null)], "{(,1),[5,)}"]],
  "int8multirange": [[[new Range(1n, 2n)], "{[1,2)}"]],
  "nummultirange": [[[new Range("1.50", "2.0", "[]")], "{[1.50,2.0]}"]],
  "tsmultirange": [[[new Range<Date | number>(new Date(YEAR_2020), Infinity)], "{[\"2020-02-29 12:30:15.25\",infinity)}"]],
  "tstzmultirange": [[[new Range<Date | number>(new Date(YEAR_2020), null)], "{[\"2020-02-29 12:30:15.25+00\",)}"]],
  "datemultirange": [[[new Range("2020-02-29", "2020-03-01")], "{[2020-02-29,2020-03-01)}"]],
};

/** Types of extensions that the embedded servers have, in the database's search_path. */
// deno-fmt-ignore
export const EXTENSIONS: Family = {
  "hstore": [
    [{}, ""], [{ a: "1", b: null }, "a=>1,b=>NULL", "\"a\"=>\"1\", \"b\"=>NULL"],
    [{ 'q"x': "\\", "": " ,=>" }, "\"\"=>\" ,=>\",\"q\\\"x\"=>\"\\\\\"", "\"\"=>\" ,=>\", \"q\\\"x\"=>\"\\\\\""],
    [JSON.parse("{\"__proto__\":\"z\"}"), "__proto__=>z", "\"__proto__\"=>\"z\""],
  ],
  "citext": [["", ""], ["Ab é{\"}", "Ab é{\"}"]],
  "ltree": [["", ""], ["Top.Science.Astro_1", "Top.Science.Astro_1"]],
  "lquery": [["Top.*{1,2}.!a|b@*", "Top.*{1,2}.!a|b@*"]],
  "ltxtquery": [["Top & !Europe@*", "Top & !Europe*@", "Top & !Europe@*"]],
};

/** Every family by its name. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  "numbers": NUMBERS,
  "strings": STRINGS,
  "dates and times": DATES,
  "networks": NETWORKS,
  "shapes": SHAPES,
  "system types": SYSTEM,
  "ranges": RANGES,
  "multiranges": MULTIRANGES,
};

/** Values that are only read: to write, a string is JSON text, and `null` is NULL. */
// deno-fmt-ignore
export const READ_ONLY: Family = {
  "json": [["x", "\"x\""], [null, "null"], [1.5, " 1.5"], [true, "true"], [{ a: 2 }, "{\"a\":1,\"a\":2}"]],
  "jsonb": [["x", "\"x\""], [null, "null"], [1.5, "1.5"], [false, "false"]],
};

/** Returns the rows that a server of this version accepts. */
export function rowsOf(rows: readonly Row[], major: number): Row[] {
  return rows.filter(([, , , since = 14]) => since <= major);
}

/**
 * Base types without a table, with the reason: they are internal to the server, and can only be read
 * as text. The test checks that the server accepts no value of them.
 */
export const WITHOUT_TABLE: Readonly<Record<string, string>> = {
  "pg_node_tree": "parsed expressions of the catalogue",
  "pg_ndistinct": "extended statistics",
  "pg_dependencies": "extended statistics",
  "pg_mcv_list": "extended statistics",
  "pg_brin_bloom_summary": "what BRIN stores",
  "pg_brin_minmax_multi_summary": "what BRIN stores",
  "gtsvector": "what GiST stores",
};
