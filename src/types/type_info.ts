import type { TypePolicies } from "./builtin.ts";
import type { Codec } from "./codec.ts";

/** A type as the catalogue describes it (`pg_type`, `pg_range`, `pg_attribute`). */
export interface TypeInfo {
  /** `pg_type.oid`. */
  readonly oid: number;
  /** `pg_type.typname`. */
  readonly name: string;
  /** `pg_namespace.nspname` of its schema. */
  readonly schema: string;
  /** `pg_type.typtype` in words; `"array"` where `typcategory` is `A` and `typlen` -1. */
  readonly kind: "base" | "enum" | "domain" | "composite" | "range" | "multirange" | "array";
  /** The OID of the array of this type; 0 or absent when it has none. */
  readonly arrayOid?: number;
  /** `pg_type.typdelim`; default `,`. */
  readonly delimiter?: string;
  /** The OID of an array's element type. */
  readonly elementOid?: number;
  /** `pg_type.typbasetype` of a domain. */
  readonly baseOid?: number;
  /** `pg_range.rngsubtype` of a range. */
  readonly rangeSubtypeOid?: number;
  /** `pg_range.rngtypid` of a multirange. */
  readonly rangeOid?: number;
  /** The attributes of a composite in order, without dropped ones. */
  readonly attributes?: readonly { readonly name: string; readonly oid: number }[];
}

/** The types beside the common ones, which are loaded when a connection first meets one of them. */
export interface RareTypes {
  /** Returns a built-in type, or the array of one; `undefined` for other OIDs. */
  describe(oid: number): TypeInfo | undefined;
  /** Returns the OID of a built-in type by pg_type's name for it; `undefined` for others. */
  oidOf(name: string): number | undefined;
  /**
   * Creates the codec of a type that is not an array. `component` returns the codec of a type that it
   * is made of.
   */
  make(
    info: TypeInfo,
    policies: TypePolicies,
    component: (oid: number | undefined) => Codec,
  ): Codec;
}

/** Returns a copy of a codec for the type that `info` describes. */
export function ofType(codec: Codec, info: Partial<TypeInfo>): Codec {
  const { oid = codec.oid, arrayOid = codec.arrayOid, delimiter = codec.delimiter } = info;
  return Object.freeze({ ...codec, oid, arrayOid, delimiter });
}
