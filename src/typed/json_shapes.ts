/**
 * The shapes of JSON values: which keys an object has is in the tree, where functions such as
 * `json_build_object` and `json_agg` make it.
 */
import { argumentPlace, argumentsOf } from "./aggregates.ts";
import type { Analysis, Placed } from "./analysis.ts";
import { elementsCanBeNull } from "./elements.ts";
import { expressionType } from "./expression_type.ts";
import { JSON_NUMBERS, type JsonShape, type JsonValue, unionOf, UNKNOWN } from "./json_shape.ts";
import { isBuiltin } from "./oids.ts";
import type { TreeNode } from "./node_text.ts";
import type { Place } from "./place.ts";

const JSON_OID = 114;
const JSONB_OID = 3802;
const BOOL_OID = 16;

/** Reports whether a type is `json` or `jsonb`. */
export function isJson(oid: number): boolean {
  return oid === JSON_OID || oid === JSONB_OID;
}

/** Returns the shape of a value of type json or jsonb, which comes from one of several expressions. */
export function jsonShapeOf(all: Analysis, origins: readonly Placed[] | undefined): JsonShape {
  if (origins === undefined) return UNKNOWN;
  return unionOf(origins.map(({ expression, place }) => made(all, expression, place)));
}

function made(all: Analysis, node: TreeNode, place: Place): JsonShape {
  switch (node.label) {
    case "CONST":
      return constantShape(node);
    case "COERCEVIAIO": {
      const argument = node.node("arg");
      if (argument === undefined || !isJson(expressionType(argument))) return UNKNOWN;
      return jsonShapeOf(all, all.origins(argument, place));
    }
    case "AGGREF":
      return aggregated(all, node, place);
    case "FUNCEXPR":
    case "OPEXPR":
      return called(all, node, place);
    default:
      return UNKNOWN;
  }
}

/** `'[]'` and `'{}'`, which stand for "none" in COALESCE. */
function constantShape(node: TreeNode): JsonShape {
  const bytes = node.bytes("constvalue");
  if (bytes === undefined) return UNKNOWN;
  const content = bytes.subarray(4);
  if (node.number("consttype") === JSON_OID) {
    const text = new TextDecoder().decode(content).replace(/\s/g, "");
    return text === "[]" ? EMPTY_ARRAY : text === "{}" ? EMPTY_OBJECT : UNKNOWN;
  }
  // The header of jsonb's container: how many there are, and of what. Source: jsonb.h.
  if (node.number("consttype") !== JSONB_OID || content.length !== 4) return UNKNOWN;
  return content[3] === 0x40 ? EMPTY_ARRAY : content[3] === 0x20 ? EMPTY_OBJECT : UNKNOWN;
}

const EMPTY_ARRAY: JsonShape = { kind: "array", element: { shape: unionOf([]), nullable: false } };
const EMPTY_OBJECT: JsonShape = { kind: "object", properties: [] };

/** Returns the name of a built-in function. */
function builtinName(all: Analysis, oid: number): string | undefined {
  return isBuiltin(oid) ? all.catalogue.functions.get(oid)?.name : undefined;
}

function aggregated(all: Analysis, node: TreeNode, place: Place): JsonShape {
  const name = builtinName(all, node.number("aggfnoid")) ?? "";
  const rows = argumentPlace(all, node, place);
  const [first, second] = argumentsOf(node);
  if (rows === undefined || first === undefined) return UNKNOWN;
  if (/^jsonb?_agg(_strict)?$/.test(name)) {
    const element = valueOf(all, first, rows);
    return {
      kind: "array",
      element: { ...element, nullable: element.nullable && !name.endsWith("_strict") },
    };
  }
  const isRecord = /^jsonb?_object_agg(_unique)?(_strict)?$/.test(name) && second !== undefined;
  return isRecord ? { kind: "record", value: valueOf(all, second, rows) } : UNKNOWN;
}

function called(all: Analysis, node: TreeNode, place: Place): JsonShape {
  const name = builtinName(all, node.number(node.label === "OPEXPR" ? "opfuncid" : "funcid"));
  const parts = node.nodes("args");
  const [first, second] = parts;
  if (node.is("funcvariadic") || name === undefined) return UNKNOWN;
  switch (name) {
    case "json_build_object":
    case "jsonb_build_object":
      return built(all, parts, place);
    case "json_build_array":
    case "jsonb_build_array":
      return { kind: "tuple", elements: parts.map((part) => valueOf(all, part, place)) };
    case "to_json":
    case "to_jsonb":
    case "row_to_json":
    case "array_to_json":
      return first ? valueOf(all, first, place).shape : UNKNOWN;
    case "jsonb_concat":
      return first && second ? concatenated(all, first, second, place) : UNKNOWN;
    case "jsonb_delete":
      return first && second ? without(all, first, textOf(second), place) : UNKNOWN;
    default:
      return UNKNOWN;
  }
}

/** An object whose keys are constants; of keys that occur twice the last one counts. */
function built(all: Analysis, parts: readonly TreeNode[], place: Place): JsonShape {
  const properties = new Map<string, JsonValue>();
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const name = textOf(parts[i]!);
    if (name === undefined) return UNKNOWN;
    properties.delete(name);
    properties.set(name, valueOf(all, parts[i + 1]!, place));
  }
  return {
    kind: "object",
    properties: [...properties].map(([name, value]) => ({ name, ...value })),
  };
}

/** Returns the text of a constant of a type that is text. */
function textOf(node: TreeNode): string | undefined {
  if (node.label === "RELABELTYPE") {
    const argument = node.node("arg");
    return argument && textOf(argument);
  }
  const bytes = node.bytes("constvalue");
  if (node.number("consttype") === UNKNOWN_OID && bytes?.at(-1) === 0) {
    return new TextDecoder().decode(bytes.subarray(0, -1));
  }
  const isText = node.label === "CONST" && TEXTS.has(node.number("consttype"));
  if (!isText || bytes === undefined || (bytes[0]! & 3) !== 0) return undefined;
  return new TextDecoder().decode(bytes.subarray(4));
}

/** The type of a literal that nothing gives another; kept as a C string. */
const UNKNOWN_OID = 705;

/** `text`, `varchar`, `bpchar`. */
const TEXTS: ReadonlySet<number> = new Set([25, 1043, 1042]);

function concatenated(all: Analysis, left: TreeNode, right: TreeNode, place: Place): JsonShape {
  const [before, after] = [left, right].map((part) => jsonShapeOf(all, all.origins(part, place)));
  if (before?.kind !== "object" || after?.kind !== "object") return UNKNOWN;
  const names = new Set(after.properties.map((one) => one.name));
  const kept = before.properties.filter((one) => !names.has(one.name));
  return { kind: "object", properties: [...kept, ...after.properties] };
}

function without(
  all: Analysis,
  object: TreeNode,
  name: string | undefined,
  place: Place,
): JsonShape {
  const shape = jsonShapeOf(all, all.origins(object, place));
  if (shape.kind !== "object" || name === undefined) return UNKNOWN;
  return { kind: "object", properties: shape.properties.filter((one) => one.name !== name) };
}

/** Returns the JSON that a value of any type becomes within JSON. */
export function valueOf(all: Analysis, node: TreeNode, place: Place): JsonValue {
  return { shape: shapeOfValue(all, node, place), nullable: all.canBeNull(node, place) };
}

function shapeOfValue(all: Analysis, node: TreeNode, place: Place): JsonShape {
  const oid = expressionType(node);
  if (isJson(oid)) return jsonShapeOf(all, all.origins(node, place));
  const type = all.catalogue.baseType(oid);
  if (type?.kind === "array") {
    const shape = shapeOfType(all, oid);
    const isFilled = elementsCanBeNull(all, node, place) === false;
    if (shape.kind !== "array" || !isFilled) return shape;
    return { ...shape, element: { ...shape.element, nullable: false } };
  }
  const origins = all.origins(node, place);
  if (origins?.length !== 1) return shapeOfType(all, oid);
  return rowShape(all, origins[0]!) ?? shapeOfType(all, oid);
}

/** Returns the object that a row becomes. */
function rowShape(all: Analysis, { expression, place }: Placed): JsonShape | undefined {
  if (expression.label === "ROWEXPR") {
    if (expression.number("row_typeid") !== RECORD_OID) return undefined;
    const properties = expression.nodes("args")
      .map((part, i) => ({ name: `f${i + 1}`, ...valueOf(all, part, place) }));
    return { kind: "object", properties };
  }
  if (expression.label !== "VAR" || expression.number("varattno") !== 0) return undefined;
  const index = expression.number("varno");
  const relation = place.scope.relation(index);
  if (relation === undefined) return undefined;
  const there = place.supposing((facts) => {
    for (const nuller of place.scope.nullers(index)) facts.assume(nuller);
  });
  const columns = rowColumns(all, relation, index, there);
  if (columns === undefined) return undefined;
  const properties = columns.map(({ name, number, typeOid }) => {
    const column = expression.with("varattno", String(number)).with("vartype", String(typeOid));
    return { name, ...valueOf(all, column, there) };
  });
  return { kind: "object", properties };
}

const RECORD_OID = 2249;

function rowColumns(
  all: Analysis,
  relation: TreeNode,
  index: number,
  place: Place,
): readonly { name: string; number: number; typeOid: number }[] | undefined {
  const table = all.catalogue.relations.get(relation.number("relid"));
  if (table !== undefined) return table.columns;
  const found = all.queryOf(relation, index, place);
  if (found === undefined || "assumed" in found) return undefined;
  const names = relation.node("eref")?.list("colnames") ?? [];
  const targets = found.query.nodes(
    found.query.text("commandType") === "1" ? "targetList" : "returningList",
  )
    .filter((entry) => !entry.is("resjunk"));
  if (names.length !== targets.length) return undefined;
  return targets.map((target, i) => {
    const expression = target.node("expr");
    const typeOid = expression ? expressionType(expression) : 0;
    return { name: String(names[i] ?? target.text("resname") ?? ""), number: i + 1, typeOid };
  });
}

/** Returns the JSON that values of a type become. */
function shapeOfType(all: Analysis, oid: number, depth: number = 0): JsonShape {
  const type = all.catalogue.baseType(oid);
  const declared = all.catalogue.types.get(oid);
  if (type === undefined || depth > 20 || declared?.hasJsonCast || type.hasJsonCast) return UNKNOWN;
  const within = (inner: number): JsonValue => ({
    shape: shapeOfType(all, inner, depth + 1),
    nullable: true,
  });
  switch (type.kind) {
    case "enum":
      return { kind: "literals", values: type.labels };
    case "array":
      return { kind: "array", element: within(type.elementOid) };
    case "composite": {
      const properties = type.attributes.map(({ name, oid }) => ({ name, ...within(oid) }));
      return { kind: "object", properties };
    }
    case "pseudo":
      return oid === UNKNOWN_OID ? { kind: "string" } : UNKNOWN;
    default:
      if (type.oid === BOOL_OID) return { kind: "boolean" };
      if (isJson(type.oid)) return UNKNOWN;
      return { kind: JSON_NUMBERS.has(type.oid) ? "number" : "string" };
  }
}
