import { InterfaceError } from "../errors/errors.ts";
import { bitCodecs } from "./bits.ts";
import type { Codec } from "./codec.ts";
import { recordCodec } from "./composite.ts";
import { dateTimeCodecs, type DateTimePolicy } from "./datetime.ts";
import { geometricCodecs } from "./geometric.ts";
import { intervalCodec } from "./interval.ts";
import { networkCodecs } from "./network.ts";
import {
  float4Codec,
  float8Codec,
  int2Codec,
  int4Codec,
  int8Codec,
  type Int8Policy,
  unsignedCodec,
  xid8Codec,
} from "./numbers.ts";
import { numericCodec, type NumericPolicy } from "./numeric.ts";
import { OIDS } from "./oids.ts";
import {
  boolCodec,
  byteaCodec,
  charCodec,
  jsonCodecs,
  type JsonFunctions,
  textCodec,
  uuidCodec,
  versionedTextCodec,
} from "./scalars.ts";
import { lsnCodec, snapshotCodecs, tidCodec, vectorCodecs } from "./system.ts";
import { tsqueryCodec, tsvectorCodec } from "./text_search.ts";
import type { TemporalLike } from "./temporal.ts";

/** What the built-in types become in JavaScript; holds inside arrays, ranges and composites too. */
export interface TypePolicies {
  /**
   * `int8` and `xid8`; default `"bigint"`. Beyond `Number.MAX_SAFE_INTEGER`, `"number"` refuses a
   * value, and `"safe"`, which reads numbers too, gives a bigint.
   */
  int8?: Int8Policy | undefined;
  /** `numeric`; default `"string"`. As `"number"`, values that would lose digits are refused. */
  numeric?: NumericPolicy | undefined;
  /** Dates and times; default `"date"`. */
  datetime?: DateTimePolicy | undefined;
  /** The `Temporal` to use for `datetime: "temporal"`; the runtime's own unless given. */
  temporal?: TemporalLike | undefined;
  /** How json and jsonb are read and written; `JSON.parse` and `JSON.stringify` unless given. */
  json?: JsonFunctions | undefined;
  /** `"bounded"`: arrays are read as `BoundedArray`, which keeps lower bounds; default `"array"`. */
  arrays?: "array" | "bounded" | undefined;
}

const FIXED: readonly Codec[] = [
  boolCodec,
  byteaCodec,
  charCodec,
  int2Codec,
  int4Codec,
  float4Codec,
  float8Codec,
  unsignedCodec("oid", OIDS.oid, OIDS._oid),
  unsignedCodec("xid", OIDS.xid, OIDS._xid),
  unsignedCodec("cid", OIDS.cid, OIDS._cid),
  uuidCodec,
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
  textCodec("text", OIDS.text, OIDS._text),
  textCodec("varchar", OIDS.varchar, OIDS._varchar),
  textCodec("bpchar", OIDS.bpchar, OIDS._bpchar),
  textCodec("name", OIDS.name, OIDS._name),
  textCodec("cstring", OIDS.cstring, OIDS._cstring),
  textCodec("unknown", OIDS.unknown),
  textCodec("refcursor", OIDS.refcursor, OIDS._refcursor),
  textCodec("void", OIDS.void),
] as readonly Codec[];

const CHOICES: Readonly<Record<string, readonly unknown[]>> = {
  int8: ["bigint", "number", "safe", "string"],
  numeric: ["string", "number"],
  arrays: ["array", "bounded"],
};

/**
 * The codecs of the built-in scalar types under the given policies.
 *
 * @throws {InterfaceError} a policy is unknown, or there is no `Temporal` for `datetime: "temporal"`.
 */
export function builtinCodecs(policies: TypePolicies): readonly Codec[] {
  checkPolicies(policies);
  return [
    ...FIXED,
    int8Codec(policies.int8 ?? "bigint"),
    xid8Codec(policies.int8 ?? "bigint"),
    numericCodec(policies.numeric ?? "string"),
    ...jsonCodecs(policies.json),
    ...dateTimeCodecs(policies.datetime ?? "date", policies.temporal),
  ] as readonly Codec[];
}

function checkPolicies(policies: TypePolicies): void {
  for (const [name, choices] of Object.entries(CHOICES)) {
    const policy = policies[name as keyof TypePolicies];
    if (policy === undefined || choices.includes(policy)) continue;
    const wanted = choices.map((choice) => JSON.stringify(choice)).join(" or ");
    throw new InterfaceError(`option types.${name} must be ${wanted}`);
  }
}
