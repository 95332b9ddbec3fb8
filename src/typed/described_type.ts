/** A type as those who print it need it: with all that it consists of. */
import type { Catalogue } from "./catalogue.ts";

/** A PostgreSQL type. */
export interface DescribedType {
  /** `pg_type.oid`. */
  readonly oid: number;
  /** The name of its schema. */
  readonly schema: string;
  /** `pg_type.typname`. */
  readonly name: string;
  /** `pg_type.typtype` in words; `unknown` for a type that the catalogue does not show. */
  readonly kind:
    | "base"
    | "enum"
    | "domain"
    | "composite"
    | "range"
    | "multirange"
    | "array"
    | "pseudo"
    | "unknown";
  /** The labels of an enum, in their order. */
  readonly labels?: readonly string[];
  /** The elements' type of an array, the bounds' of a range, the ranges' of a multirange. */
  readonly element?: DescribedType;
  /** The type under a domain. */
  readonly base?: DescribedType;
  /** The attributes of a composite type, in their order. */
  readonly attributes?: readonly { readonly name: string; readonly type: DescribedType }[];
}

/** Types within types deeper than this are not described. */
const MAX_DEPTH = 32;

/** Describes a type. */
export function describeType(catalogue: Catalogue, oid: number, depth: number = 0): DescribedType {
  const type = catalogue.types.get(oid);
  if (type === undefined || depth > MAX_DEPTH) {
    return { oid, schema: "pg_catalog", name: `type ${oid}`, kind: "unknown" };
  }
  const { schema, name, kind } = type;
  const inner = (one: number): DescribedType => describeType(catalogue, one, depth + 1);
  const common = { oid, schema, name, kind };
  switch (kind) {
    case "enum":
      return { ...common, labels: type.labels };
    case "array":
      return { ...common, element: inner(type.elementOid) };
    case "domain":
      return { ...common, base: inner(type.baseOid) };
    case "range":
      return { ...common, element: inner(type.rangeSubtypeOid) };
    case "multirange":
      return { ...common, element: inner(type.rangeOid) };
    case "composite": {
      const attributes = type.attributes.map((one) => ({ name: one.name, type: inner(one.oid) }));
      return { ...common, attributes };
    }
    default:
      return common;
  }
}
