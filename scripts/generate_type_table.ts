/**
 * Writes the table of docs/types.md: the JavaScript value of each PostgreSQL type, by default and under
 * each policy. The table is measured: the registry decodes a text of
 * every type under every policy, and the values that result are described.
 *
 *     deno run -A scripts/generate_type_table.ts            # writes the page
 *     deno run -A scripts/generate_type_table.ts --check    # fails when it is not up to date
 */
import process from "node:process";
import { Temporal } from "temporal-polyfill";
import { EXTENSION_CODECS } from "../src/types/extensions.ts";
import { BUILTIN_TYPES } from "../src/types/oids.ts";
import { completeRegistry } from "../src/types/complete_registry.ts";
import type { TypeInfo, TypeRegistry, TypesOptions } from "../src/types/registry.ts";
import { update } from "./generate_parameter_table.ts";

/** Texts of a type; what a type has besides its ordinary values is in the second. */
type Samples = readonly [text: string, ...more: string[]];

const POINT = "(1,2)";
const SAMPLES: Readonly<Record<string, Samples>> = {
  ...each(["bool"], "t"),
  ...each(["int2", "int4", "oid", "xid", "cid", "float4", "float8"], "1"),
  ...each(["int8", "xid8"], "1"),
  ...each(["numeric"], "1"),
  ...each(["bytea"], "\\x00"),
  ...each(["json", "jsonb"], "{}"),
  ...each(["timestamptz"], "2000-01-01 00:00:00+00", "infinity"),
  ...each(["timestamp"], "2000-01-01 00:00:00", "infinity"),
  ...each(["date"], "2000-01-01", "infinity"),
  ...each(["time"], "00:00:00"),
  ...each(["timetz"], "00:00:00+00"),
  ...each(["interval"], "1 day", "infinity"),
  ...each(["int2vector", "oidvector"], "1 2"),
  ...each(["point"], POINT),
  ...each(["line"], "{1,2,3}"),
  ...each(["lseg"], `[${POINT},${POINT}]`),
  ...each(["box"], `${POINT},${POINT}`),
  ...each(["path", "polygon"], `(${POINT},${POINT})`),
  ...each(["circle"], `<${POINT},3>`),
  ...each(["int4range"], "[1,2)"),
  ...each(["int8range"], "[1,2)"),
  ...each(["numrange"], "[1,2)"),
  ...each(["tsrange"], '["2000-01-01 00:00:00",)'),
  ...each(["tstzrange"], '["2000-01-01 00:00:00+00",)'),
  ...each(["daterange"], "[2000-01-01,)"),
  ...each(["int4multirange"], "{[1,2)}"),
  ...each(["int8multirange"], "{[1,2)}"),
  ...each(["nummultirange"], "{[1,2)}"),
  ...each(["tsmultirange"], '{["2000-01-01 00:00:00",)}'),
  ...each(["tstzmultirange"], '{["2000-01-01 00:00:00+00",)}'),
  ...each(["datemultirange"], "{[2000-01-01,)}"),
  ...each(["bit", "varbit"], "1"),
  ...each(["tid"], POINT),
  ...each(["pg_lsn"], "0/0"),
  ...each(["pg_snapshot", "txid_snapshot"], "1:2:"),
  ...each(["record"], "(1,)"),
  ...each(["hstore"], '"key"=>"value"'),
  ...each(["cube"], "(1),(2)"),
  ...each(["vector", "halfvec"], "[1,2]"),
  ...each(["sparsevec"], "{1:1}/2"),
  ...each(["geometry", "geography"], "0101000000000000000000F03F0000000000000040"),
};

/** Types of the user's, as the catalogue describes them. */
const SCHEMA = "public";
const FIRST_OID = 100_000;
const DEFINED: readonly [label: string, info: Omit<TypeInfo, "oid" | "schema">, Samples][] = [
  ["enums", { name: "mood", kind: "enum" }, ["ok"]],
  ["domains over `int8`", { name: "big", kind: "domain", baseOid: 20 }, ["1"]],
  ["arrays of `int4`", { name: "_int4", kind: "array", elementOid: 23 }, ["{1,NULL}"]],
  ["arrays of `int8`", { name: "_int8", kind: "array", elementOid: 20 }, ["{1,NULL}"]],
  [
    "composites, `(a int4, b int8)`",
    {
      name: "pair",
      kind: "composite",
      attributes: [{ name: "a", oid: 23 }, { name: "b", oid: 20 }],
    },
    ["(1,2)"],
  ],
  ["anything else", { name: "unheard_of", kind: "base" }, ["text"]],
];

/** The policies, each by itself. */
export const POLICIES: readonly [label: string, options: TypesOptions][] = [
  ['int8: "number"', { int8: "number" }],
  ['int8: "string"', { int8: "string" }],
  ['numeric: "number"', { numeric: "number" }],
  ['datetime: "temporal"', { datetime: "temporal", temporal: Temporal }],
  ['datetime: "string"', { datetime: "string" }],
  ['arrays: "bounded"', { arrays: "bounded" }],
];

/** A list of fifty types would make every row of the table as wide. */
const WIDTH = 72;

const PROBE = "any text at all";
const PARSED = "what `JSON.parse` makes of it";
const PARSED_MARK = Symbol("parsed");

if (import.meta.main) process.exitCode = update("types", typeTable());

/** The table in Markdown. */
export function typeTable(): string {
  const registries = [{}, ...POLICIES.map(([, options]) => options)].map(registryOf);
  const rows = new Map<string, { types: string[]; cells: string[] }>();
  for (const { label, oid, samples } of types(registries[0]!)) {
    const [usual, ...others] = registries.map((registry) => described(registry, oid, samples));
    const byPolicy = POLICIES.flatMap(([policy], i) =>
      others[i] === usual ? [] : [`\`${policy}\`: ${others[i]}`]
    );
    const parsed = usual === PARSED ? ["`json: { parse }`: what that returns"] : [];
    const cells = [usual!, [...byPolicy, ...parsed].join("; ")];
    const key = oid < FIRST_OID ? cells.join() : label;
    const row = rows.get(key) ?? { types: [], cells };
    row.types.push(label);
    rows.set(key, row);
  }
  const body = [...rows.values()].flatMap(({ types, cells }) =>
    inLines(types).map((line) => [line, ...cells])
  );
  return markdown([["PostgreSQL", "JavaScript", "by the policy"], ...body]);
}

function inLines(labels: readonly string[]): string[] {
  const lines: string[] = [];
  for (const label of labels) {
    const last = lines.at(-1);
    if (last === undefined || last.length + label.length > WIDTH) lines.push(label);
    else lines[lines.length - 1] = `${last}, ${label}`;
  }
  return lines;
}

/** A type, and texts of it. */
export interface Listed {
  readonly label: string;
  readonly oid: number;
  readonly samples: Samples;
}

/** Scalars, ranges and multiranges, then the extensions' and the user's. */
export function types(registry: TypeRegistry): Listed[] {
  const builtin = BUILTIN_TYPES.filter(([, name, kind]) => kind !== "p" || name === "record");
  return [
    ...builtin.map(([oid, name]) => listed(registry, `\`${name}\``, name, oid)),
    ...extensions().map(([name, oid]) => listed(registry, `\`${name}\``, name, oid)),
    ...DEFINED.map(([label, , samples], i) => ({ label, oid: FIRST_OID + i, samples })),
  ];
}

/** A type without a sample must be one whose value is its text, whatever that is. */
function listed(registry: TypeRegistry, label: string, name: string, oid: number): Listed {
  const samples = Object.hasOwn(SAMPLES, name) ? SAMPLES[name]! : [PROBE] as const;
  if (samples[0] === PROBE && registry.lookup(oid)!.decodeText(PROBE) !== PROBE) {
    throw new Error(`generate_type_table: no sample of ${name}`);
  }
  return { label, oid, samples };
}

/** The types under a policy. */
export function registryOf(options: TypesOptions): TypeRegistry {
  const json = { parse: () => PARSED_MARK };
  const registry = completeRegistry({ ...options, json });
  const schema = SCHEMA;
  for (const [name, oid] of extensions()) registry.define({ oid, name, schema, kind: "base" });
  DEFINED.forEach(([, info], i) => registry.define({ ...info, oid: FIRST_OID + i, schema }));
  return registry;
}

function extensions(): [name: string, oid: number][] {
  return [...EXTENSION_CODECS.keys()].map((name, i) => [name, 2 * FIRST_OID + i]);
}

function described(registry: TypeRegistry, oid: number, samples: Samples): string {
  const codec = registry.lookup(oid)!;
  const [usual, ...others] = samples.map((text) => codec.decodeText(text));
  if (usual === PARSED_MARK) return PARSED;
  const more = others.map(kindOf).filter((kind) => kind !== kindOf(usual));
  return [kindOf(usual), ...more].map((kind) => `\`${kind}\``).join(", ");
}

/** TypeScript's name of a value's type, or what its class or its properties are called. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value === Infinity) return "±Infinity";
  if (typeof value !== "object") return typeof value;
  if (Array.isArray(value)) return arrayKind([...new Set(value.map(kindOf))]);
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag.startsWith("Temporal.")) return tag;
  const { name } = value.constructor;
  if (name === "Range") return `Range<${kindOf(Reflect.get(value, "lower"))}>`;
  return name === "Object" ? `{ ${Object.keys(value).join(", ")} }` : name;
}

function arrayKind(kinds: readonly string[]): string {
  return kinds.length === 1 ? `${kinds[0]}[]` : `(${kinds.join(" | ")})[]`;
}

function each(
  names: readonly string[],
  ...samples: [string, ...string[]]
): Record<string, Samples> {
  return Object.fromEntries(names.map((name) => [name, samples]));
}

/** Aligned as `deno fmt` does; a bar within a cell is escaped. */
function markdown([head, ...rows]: string[][]): string {
  const cells = [head!, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head!.map((_, i) => Math.max(...cells.map((row) => [...row[i]!].length)));
  const line = (row: readonly string[], fill = " "): string =>
    `| ${
      row.map((cell, i) => cell.padEnd(widths[i]! + cell.length - [...cell].length, fill)).join(
        " | ",
      )
    } |`;
  const rule = line(head!.map(() => ""), "-");
  return [line(cells[0]!), rule, ...cells.slice(1).map((row) => line(row)), ""].join("\n");
}
