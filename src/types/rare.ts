/**
 * The types beside the common ones. This module is loaded when a connection first meets one of them:
 * a built-in type without a codec in `builtin.ts`, or any type that the catalogue describes.
 */
import type { TypePolicies } from "./builtin.ts";
import { bitCodecs } from "./bits.ts";
import type { Codec } from "./codec.ts";
import type { TypeName } from "./component.ts";
import { compositeOf, recordCodec } from "./composite.ts";
import { dateTimeCodecs } from "./datetime.ts";
import { EXTENSION_CODECS } from "./extensions.ts";
import { float4Codec } from "./float4.ts";
import { geometricCodecs } from "./geometric.ts";
import { intervalCodec } from "./interval.ts";
import { networkCodecs } from "./network.ts";
import { unsignedCodec } from "./numbers.ts";
import { BUILTIN_TYPES, type BuiltinType, OIDS } from "./oids.ts";
import { multirangeOf, type Range, rangeOf } from "./range.ts";
import { textCodec, textOnlyCodec } from "./scalars.ts";
import {
  charCodec,
  lsnCodec,
  snapshotCodecs,
  tidCodec,
  vectorCodecs,
  versionedTextCodec,
  xid8Codec,
} from "./system.ts";
import { tsqueryCodec, tsvectorCodec } from "./text_search.ts";
import { valuesOf } from "./temporal_values.ts";
import { timeCodecs } from "./time.ts";
import { ofType, type RareTypes, type TypeInfo } from "./type_info.ts";

/** The rare types. */
export const RARE_TYPES: RareTypes = { describe, oidOf, make };

/** The built-in scalar types that have the same codec under all policies. */
const FIXED: readonly Codec[] = [
  charCodec,
  float4Codec,
  unsignedCodec("xid", OIDS.xid, OIDS._xid),
  unsignedCodec("cid", OIDS.cid, OIDS._cid),
  versionedTextCodec("jsonpath", OIDS.jsonpath, OIDS._jsonpath),
  tidCodec,
  lsnCodec,
  ...bitCodecs,
  ...snapshotCodecs,
  ...vectorCodecs,
  tsvectorCodec,
  tsqueryCodec,
  recordCodec,
  intervalCodec,
  ...networkCodecs,
  ...geometricCodecs,
  textCodec("cstring", OIDS.cstring, OIDS._cstring),
  textCodec("refcursor", OIDS.refcursor, OIDS._refcursor),
] as readonly Codec[];

function describe(oid: number): TypeInfo | undefined {
  const type = BUILTIN_TYPES.find((row) => row[0] === oid || row[3] === oid);
  return type && oid !== 0 ? infoOf(type, oid) : undefined;
}

function infoOf([own, name, kind, arrayOid, inner, delimiter]: BuiltinType, oid: number): TypeInfo {
  const schema = "pg_catalog";
  if (oid !== own) return { oid, name: `_${name}`, schema, kind: "array", elementOid: own };
  const common = { oid, name, schema, arrayOid, delimiter };
  if (kind === "r") return { ...common, kind: "range", rangeSubtypeOid: inner };
  if (kind === "m") return { ...common, kind: "multirange", rangeOid: inner };
  return { ...common, kind: "base" };
}

function oidOf(name: string): number | undefined {
  return Object.hasOwn(OIDS, name) ? OIDS[name as keyof typeof OIDS] : undefined;
}

function make(
  info: TypeInfo,
  policies: TypePolicies,
  component: (oid: number | undefined) => Codec,
): Codec {
  const { name, oid, arrayOid = 0 } = info;
  const type: TypeName = { name, oid, arrayOid };
  switch (info.kind) {
    case "domain":
      return ofType({ ...component(info.baseOid), name }, info);
    case "enum":
      return textCodec(name, oid, arrayOid);
    case "range":
      return rangeOf(component(info.rangeSubtypeOid), type) as Codec;
    case "multirange":
      return multirangeOf(component(info.rangeOid) as Codec<Range>, type) as Codec;
    case "composite": {
      const attributes = info.attributes ?? [];
      return compositeOf(
        attributes.map((attribute) => ({ ...attribute, codec: component(attribute.oid) })),
        type,
      ) as Codec;
    }
    default: {
      const codec = scalarOf(oid, policies) ?? EXTENSION_CODECS.get(name);
      return ofType(codec ?? textOnlyCodec(name, oid) as Codec, info);
    }
  }
}

/** Returns the codec of a built-in scalar type, if it has one. */
function scalarOf(oid: number, { int8 = "bigint", datetime = "date", temporal }: TypePolicies) {
  const isOid = (codec: Codec): boolean => codec.oid === oid;
  if (oid === OIDS.xid8) return xid8Codec(int8) as Codec;
  if (!DATES_AND_TIMES.has(oid)) return FIXED.find(isOid);
  const values = valuesOf(datetime, temporal);
  return [...dateTimeCodecs(values), ...timeCodecs(values)].find(isOid);
}

/** The types that depend on the policy for dates and times. Some are common under other policies. */
const DATES_AND_TIMES: ReadonlySet<number> = new Set([
  ...[OIDS.date, OIDS.time, OIDS.timetz, OIDS.timestamp, OIDS.timestamptz],
]);
