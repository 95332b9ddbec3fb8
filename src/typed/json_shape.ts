/** Shapes of JSON values, and the union of several. */

/** The shape of a JSON value. */
export type JsonShape =
  | { readonly kind: "unknown" | "never" | "string" | "number" | "boolean" }
  /** One of these strings: the labels of an enum. */
  | { readonly kind: "literals"; readonly values: readonly string[] }
  | { readonly kind: "array"; readonly element: JsonValue }
  | { readonly kind: "tuple"; readonly elements: readonly JsonValue[] }
  | { readonly kind: "object"; readonly properties: readonly JsonProperty[] }
  /** An object with keys that are data. */
  | { readonly kind: "record"; readonly value: JsonValue }
  | { readonly kind: "union"; readonly members: readonly JsonShape[] };

/** A value within JSON. */
export interface JsonValue {
  /** The shape of a value that is not `null`. */
  readonly shape: JsonShape;
  /** Whether it can be `null`. */
  readonly nullable: boolean;
}

/** A key of an object and its value. */
export interface JsonProperty extends JsonValue {
  /** The key. */
  readonly name: string;
}

/** A value of which nothing is known. */
export const UNKNOWN: JsonShape = { kind: "unknown" };

/** Types whose values are numbers in JSON: int2, int4, int8, float4, float8, numeric. */
export const JSON_NUMBERS: ReadonlySet<number> = new Set([21, 23, 20, 700, 701, 1700]);

/** Returns the shape of a value that has one of these shapes. */
export function unionOf(shapes: readonly JsonShape[]): JsonShape {
  const members: JsonShape[] = [];
  for (const shape of shapes.flatMap((one) => one.kind === "union" ? one.members : [one])) {
    if (shape.kind === "unknown") return UNKNOWN;
    if (shape.kind === "never") continue;
    const array = shape.kind === "array" ? members.findIndex((one) => one.kind === "array") : -1;
    if (array < 0) {
      if (!members.some((one) => isEqual(one, shape))) members.push(shape);
      continue;
    }
    members[array] = joinedArrays(members[array]!, shape);
  }
  if (members.length === 0) return { kind: "never" };
  return members.length === 1 ? members[0]! : { kind: "union", members };
}

/** Arrays of either become arrays of both: that an empty one is of nothing is thereby lost. */
function joinedArrays(left: JsonShape, right: JsonShape): JsonShape {
  if (left.kind !== "array" || right.kind !== "array") return UNKNOWN;
  const shape = unionOf([left.element.shape, right.element.shape]);
  const nullable = left.element.nullable || right.element.nullable;
  return { kind: "array", element: { shape, nullable } };
}

function isEqual(left: JsonShape, right: JsonShape): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
