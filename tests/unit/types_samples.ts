// A registry with types of every kind, and for each codec in it that reads binary at least one value's
// bytes: known ones, encoded ones, and containers made of those.
import type { Codec } from "../../src/types/codec.ts";
import { EXTENSION_CODECS } from "../../src/types/extensions.ts";
import { Interval } from "../../src/types/interval.ts";
import { BUILTIN_TYPES, OIDS } from "../../src/types/oids.ts";
import { completeRegistry } from "../../src/types/complete_registry.ts";
import type { TypeInfo, TypeRegistry, TypesOptions } from "../../src/types/registry.ts";
import { encodeHex } from "./types_bytes.ts";
import { CONTAINERS, EXTENSIONS, SCALARS } from "./types_printed.ts";

const POINTS = [{ x: 1, y: -0.5 }, { x: 2, y: 1e300 }];
const NESTED = {
  type: "GeometryCollection",
  srid: 4326,
  geometries: [{ type: "Polygon", coordinates: [[[0, 0], [1, 1], [0, 0]]] }, {
    type: "GeometryCollection",
    geometries: [{ type: "MultiPoint", coordinates: [[1, 2], [3, 4]] }],
  }],
};

/** Values to encode, of types without bytes in types_printed.ts. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  ...of(["bpchar", "cstring", "unknown", "void"], "abc é"),
  ...of(["date", "time", "timetz", "timestamp", "timestamptz"], new Date(1e12 + 123)),
  "interval": [new Interval({ months: 14, days: -3, microseconds: 14_706_789_000n })],
  ...of(["inet", "cidr"], new Uint8Array([10, 0, 0, 1]), new Uint8Array(16)),
  "macaddr": [new Uint8Array(6)],
  "macaddr8": [new Uint8Array(8)],
  "bit": ["101"],
  "point": [POINTS[0]],
  "line": [{ a: 1, b: 2, c: 3 }],
  "lseg": [{ start: POINTS[0], end: POINTS[1] }],
  "box": [{ high: POINTS[0], low: POINTS[1] }],
  "path": [{ closed: true, points: POINTS }],
  "polygon": [{ points: POINTS }],
  "circle": [{ center: POINTS[0], radius: 3 }],
  ...of(["vector", "halfvec"], [1, -2.5, 0]),
  "sparsevec": [{ dimensions: 9, indices: [1, 7], values: [0.5, -1] }],
  ...of(["geometry", "geography"], { type: "Point", coordinates: [1, 2, 3] }, NESTED),
};

/** Types of the user's, made of one another. */
const DEFINED: readonly TypeInfo[] = [
  user(100_000, "mood", { kind: "enum", arrayOid: 100_001 }),
  user(100_001, "_mood", { kind: "array", elementOid: 100_000 }),
  user(100_002, "moods", { kind: "domain", baseOid: 100_001 }),
  user(100_003, "part", {
    kind: "composite",
    arrayOid: 100_004,
    attributes: [{ name: "m", oid: 100_000 }, { name: "n", oid: OIDS.int4 }],
  }),
  user(100_004, "_part", { kind: "array", elementOid: 100_003 }),
  user(100_005, "whole", {
    kind: "composite",
    attributes: [
      { name: "parts", oid: 100_004 },
      { name: "moods", oid: 100_002 },
      { name: "doc", oid: OIDS.jsonb },
      { name: "spans", oid: OIDS.int4multirange },
    ],
  }),
  user(100_006, "moodrange", { kind: "range", rangeSubtypeOid: 100_000 }),
  user(100_007, "nothing", { kind: "composite", attributes: [] }),
];
const USER_BYTES: Readonly<Record<string, readonly string[]>> = {
  "mood": ["6f6b"],
  "nothing": ["00000000"],
};

/** A codec and a value's bytes, in hexadecimal digits. */
export interface Sample {
  readonly codec: Codec;
  readonly hex: string;
}

/** Every codec that there is under these policies, the users' and the extensions' included. */
export function everyCodec(options: TypesOptions = {}): Codec[] {
  const registry = registryOf(options);
  const oids = [...Object.values(OIDS), ...DEFINED.map(({ oid }) => oid)];
  return [...oids.map((oid) => registry.lookup(oid)!), ...EXTENSION_CODECS.values()];
}

/** The bytes of values for each of them that reads binary. Throws when there is one without any. */
export function everySample(options: TypesOptions = {}): Sample[] {
  const registry = registryOf(options);
  return everyCodec(options).filter((codec) => codec.decodeBinary).flatMap((codec) => {
    const samples = bytesOf(codec, registry);
    if (samples.length === 0) throw new Error(`no sample of ${codec.name}`);
    return samples.map((hex) => ({ codec, hex }));
  });
}

function registryOf(options: TypesOptions): TypeRegistry {
  const registry = completeRegistry(options);
  for (const info of DEFINED) registry.define(info);
  return registry;
}

function bytesOf(codec: Codec, registry: TypeRegistry): string[] {
  const { name } = codec;
  const known = SCALARS[name] ?? SCALARS[`"${name}"`] ?? EXTENSIONS[name] ?? CONTAINERS[name];
  if (known !== undefined) return known.map(([, hex]) => hex);
  if (USER_BYTES[name] !== undefined) return [...USER_BYTES[name]];
  if (VALUES[name] !== undefined) return VALUES[name].map((value) => encodeHex(codec, value));
  const info = DEFINED.find(({ oid }) => oid === codec.oid) ?? builtin(codec.oid);
  const part = (oid: number | undefined): string => bytesOf(registry.lookup(oid!)!, registry)[0]!;
  switch (info?.kind) {
    case "array":
      return [
        `0000000100000001${int(info.elementOid!)}0000000200000001${
          sized(part(info.elementOid))
        }ffffffff`,
      ];
    case "domain":
      return [part(info.baseOid)];
    case "range":
      return [`02${sized(part(info.rangeSubtypeOid))}${sized(part(info.rangeSubtypeOid))}`, "01"];
    case "multirange":
      return [`00000001${sized(part(info.rangeOid))}`];
    case "composite": {
      const fields = info.attributes!.map(({ oid }) => int(oid) + sized(part(oid)));
      return [int(fields.length) + fields.join("")];
    }
    default:
      return [];
  }
}

function builtin(oid: number): Partial<TypeInfo> | undefined {
  for (const [own, , kind, arrayOid, inner] of BUILTIN_TYPES) {
    if (oid === arrayOid) return { kind: "array", elementOid: own };
    if (oid !== own) continue;
    if (kind === "r") return { kind: "range", rangeSubtypeOid: inner };
    return kind === "m" ? { kind: "multirange", rangeOid: inner } : undefined;
  }
  return undefined;
}

function user(
  oid: number,
  name: string,
  more: Omit<TypeInfo, "oid" | "name" | "schema">,
): TypeInfo {
  return { oid, name, schema: "public", ...more };
}

function of(types: readonly string[], ...values: unknown[]): Record<string, unknown[]> {
  return Object.fromEntries(types.map((type) => [type, values]));
}

function int(value: number): string {
  return value.toString(16).padStart(8, "0");
}

function sized(hex: string): string {
  return int(hex.length / 2) + hex;
}
