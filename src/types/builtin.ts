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

/** JavaScript values for built-in types, in arrays, ranges and composites as well. */
export interface TypePolicies {
  /**
   * `int8` and `xid8`; default `"bigint"`. Beyond `Number.MAX_SAFE_INTEGER`, `"number"` refuses a
   * value, and `"safe"`, which reads numbers too, gives a bigint.
   */
  int8?: Int8Policy | undefined;
  /** `numeric`; default `"string"`. `"number"` refuses a value that would lose digits. */
  numeric?: NumericPolicy | undefined;
  /** Dates and times; default `"date"`. */
  datetime?: DateTimePolicy | undefined;
  /** The `Temporal` for `datetime: "temporal"`. Default: the runtime's own. */
  temporal?: TemporalLike | undefined;
  /** Functions that read and write json and jsonb. Default: `JSON.parse` and `JSON.stringify`. */
  json?: JsonFunctions | undefined;
  /** Arrays; default `"array"`. `"bounded"` reads a `BoundedArray`, which keeps lower bounds. */
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
 * Returns the codecs of the built-in scalar types under the given policies.
 *
 * @throws {InterfaceError} a policy is unknown, or `Temporal` is missing for `datetime: "temporal"`.
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
