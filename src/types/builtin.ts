import { checkOptions, type Checks, object, oneOf } from "../errors/checks.ts";
import type { Codec } from "./codec.ts";
import { COMMON_OIDS } from "./common_oids.ts";
import { dateTimeCodecs, type DateTimePolicy, plainValues } from "./datetime.ts";
import {
  float8Codec,
  int2Codec,
  int4Codec,
  int8Codec,
  type Int8Policy,
  unsignedCodec,
} from "./numbers.ts";
import { numericCodec, type NumericPolicy } from "./numeric.ts";
import {
  boolCodec,
  byteaCodec,
  jsonCodecs,
  type JsonFunctions,
  textCodec,
  uuidCodec,
} from "./scalars.ts";
import { findTemporal, type TemporalLike } from "./temporal.ts";

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
  int2Codec,
  int4Codec,
  float8Codec,
  unsignedCodec("oid", COMMON_OIDS.oid, COMMON_OIDS._oid),
  uuidCodec,
  textCodec("text", COMMON_OIDS.text, COMMON_OIDS._text),
  textCodec("varchar", COMMON_OIDS.varchar, COMMON_OIDS._varchar),
  textCodec("bpchar", COMMON_OIDS.bpchar, COMMON_OIDS._bpchar),
  textCodec("name", COMMON_OIDS.name, COMMON_OIDS._name),
  textCodec("unknown", COMMON_OIDS.unknown),
  textCodec("void", COMMON_OIDS.void),
] as readonly Codec[];

// The values of the others are checked where they are used.
const POLICIES: Checks = {
  int8: oneOf("bigint", "number", "safe", "string"),
  numeric: oneOf("string", "number"),
  arrays: oneOf("array", "bounded"),
  json: object,
  datetime() {},
  temporal() {},
  codecs() {},
};

const usual: { codecs?: readonly Codec[] } = {};

/**
 * Returns the codecs of the common scalar types under the given policies. `rare.ts` has the others.
 * Connections without options share them.
 *
 * @throws {InterfaceError} a policy is unknown, or `Temporal` is missing for `datetime: "temporal"`.
 */
export function builtinCodecs(policies: TypePolicies): readonly Codec[] {
  checkOptions(policies, POLICIES, "types.");
  return Object.keys(policies).length > 0 ? makeCodecs(policies) : usual.codecs ??= makeCodecs({});
}

function makeCodecs(policies: TypePolicies): readonly Codec[] {
  return [
    ...FIXED,
    int8Codec(policies.int8 ?? "bigint"),
    numericCodec(policies.numeric ?? "string"),
    ...jsonCodecs(policies.json),
    ...dateTimes(policies),
  ] as readonly Codec[];
}

/** Returns the codecs of dates and times; those of `Temporal` are in `rare.ts`. */
function dateTimes({ datetime = "date", temporal }: TypePolicies): readonly Codec[] {
  if (datetime !== "temporal") return dateTimeCodecs(plainValues(datetime));
  findTemporal(temporal);
  return [];
}
