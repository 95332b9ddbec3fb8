/** Prints the TypeScript of JSON. */
import type { JsonShape, JsonValue } from "./json_shape.ts";
import { grouped, propertyName, stringType } from "./names.ts";

/** Returns the type of JSON values of a shape. */
export function jsonType(shape: JsonShape): string {
  switch (shape.kind) {
    case "literals":
      return stringType(shape.values);
    case "array":
      return `${grouped(valueType(shape.element))}[]`;
    case "tuple":
      return `[${shape.elements.map(valueType).join(", ")}]`;
    case "record":
      return `Record<string, ${valueType(shape.value)}>`;
    case "object": {
      const members = shape.properties.map((one) => `${propertyName(one.name)}: ${valueType(one)}`);
      return members.length === 0 ? "Record<string, never>" : `{ ${members.join("; ")} }`;
    }
    case "union":
      return shape.members.map(jsonType).join(" | ");
    default:
      return shape.kind;
  }
}

function valueType({ shape, nullable }: JsonValue): string {
  const type = jsonType(shape);
  return nullable && type !== "unknown" ? `${type} | null` : type;
}
