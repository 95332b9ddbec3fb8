/**
 * Whether an expression can be NULL: yes, unless one of the rules below says that it cannot. A node
 * that no rule knows can be NULL, so that a new version of PostgreSQL makes the answers less exact
 * and never wrong.
 */
import { aggregateCanBeNull, windowFunctionCanBeNull } from "./aggregates.ts";
import type { Analysis } from "./analysis.ts";
import { elementsCanBeNull } from "./elements.ts";
import { conditional } from "./branches.ts";
import { ALWAYS_A_VALUE, NEVER_NULL, SETS_NEVER_NULL } from "./never_null.ts";
import type { TreeNode } from "./node_text.ts";
import { isOneRow } from "./one_row.ts";
import type { Place } from "./place.ts";
import type { Nuller } from "./scope.ts";
import { countSets } from "./sets.ts";
import { variableCanBeNull } from "./variables.ts";

/** Reports whether an expression can be NULL at a place. */
export function expressionCanBeNull(all: Analysis, node: TreeNode, place: Place): boolean {
  if (isKnown(all, node, place)) return false;
  if (place.grouping.has(node.key)) return true;
  const any = (...fields: readonly string[]): boolean => anyCanBeNull(all, node, place, fields);
  switch (node.label) {
    case "VAR":
      return variableCanBeNull(all, node, place);
    case "CONST":
      return node.text("constisnull") !== "false";
    case "PARAM":
      return node.number("paramkind") !== 0 || all.parameterCanBeNull(node.number("paramid"));
    case "FUNCEXPR":
    case "OPEXPR":
      return callCanBeNull(all, node, place);
    case "SCALARARRAYOPEXPR":
      return arrayComparisonCanBeNull(all, node, place);
    case "BOOLEXPR":
      return any("args");
    case "RELABELTYPE":
    case "COLLATEEXPR":
    case "ARRAYCOERCEEXPR":
    case "NAMEDARGEXPR":
      return any("arg");
    case "JSONISPREDICATE":
      return any("expr");
    case "COERCEVIAIO":
      return !all.catalogue.readsText(node.number("resulttype")) || any("arg");
    case "COERCETODOMAIN":
      return !all.catalogue.isNotNullDomain(node.number("resulttype")) && any("arg");
    case "COALESCEEXPR":
      return coalesceCanBeNull(all, node.nodes("args"), place);
    case "MINMAXEXPR":
      return node.nodes("args").every((part) => all.canBeNull(part, place));
    case "CASEEXPR":
      return conditional(all, node, place).some((one) => all.canBeNull(one.expression, one.place));
    case "SUBLINK":
      return sublinkCanBeNull(all, node, place);
    case "AGGREF":
      return aggregateCanBeNull(all, node, place);
    case "WINDOWFUNC":
      return windowFunctionCanBeNull(all, node, place);
    case "SQLVALUEFUNCTION":
      return !(node.number("op") < CURRENT_SCHEMA);
    case "XMLEXPR":
      return node.number("op") !== XMLELEMENT;
    case "JSONCONSTRUCTOREXPR":
      return jsonConstructorCanBeNull(all, node, place);
    default:
      return !NEVER.has(node.label);
  }
}

/** Nodes that always have a value. */
const NEVER: ReadonlySet<string> = new Set([
  "NULLTEST",
  "BOOLEANTEST",
  "DISTINCTEXPR",
  "ARRAYEXPR",
  "ROWEXPR",
  "GROUPINGFUNC",
  "MERGESUPPORTFUNC",
  "NEXTVALUEEXPR",
]);

/** `SQLValueFunctionOp` and `XmlExprOp` in primnodes.h; the operations before these have a value. */
const CURRENT_SCHEMA = 14;
const XMLELEMENT = 1;

/** Reports whether what is known of the place's rows says that an expression is not NULL. */
function isKnown(all: Analysis, node: TreeNode, place: Place): boolean {
  const { facts } = place;
  const isFact = place.isGrouped && facts.ofGroup(node) || place.keepsRowFacts && facts.ofRow(node);
  if (isFact) return all.catalogue.isRepeatable(node);
  if (node.label !== "PARAM") return false;
  return place.outer !== undefined && isKnown(all, node, place.outer);
}

function anyCanBeNull(
  all: Analysis,
  node: TreeNode,
  place: Place,
  fields: readonly string[],
): boolean {
  const parts = fields.flatMap((field) => [...node.nodes(field), node.node(field)])
    .filter((part) => part !== undefined);
  return parts.length === 0 || parts.some((part) => all.canBeNull(part, place));
}

/** A call of a function or an operator. */
function callCanBeNull(all: Analysis, call: TreeNode, place: Place): boolean {
  const oid = call.number(call.label === "OPEXPR" ? "opfuncid" : "funcid");
  if (call.is("funcretset") || call.is("opretset")) {
    // Of several in one SELECT, the shorter ones are filled up with NULL.
    return !SETS_NEVER_NULL.has(oid) || countSets(place.scope.query) > 1;
  }
  const parts = call.nodes("args");
  const areGiven = (): boolean => parts.every((part) => !all.canBeNull(part, place));
  if (ALWAYS_A_VALUE.has(oid)) return call.is("funcvariadic") && !areGiven();
  if (OF_FIRST.has(oid)) {
    return call.is("funcvariadic") || parts[0] === undefined || all.canBeNull(parts[0], place);
  }
  return !(NEVER_NULL.has(oid) || all.catalogue.isDeclaredNeverNull(oid)) || !areGiven();
}

/** `concat_ws(separator, …)` and `format(text, …)` are NULL only when the first argument is. */
const OF_FIRST: ReadonlySet<number> = new Set([3059, 3539, 3540]);

/** `x = any(array)`: NULL when the value or the array is, or when no element matches and one is NULL. */
function arrayComparisonCanBeNull(all: Analysis, node: TreeNode, place: Place): boolean {
  const [value, array] = node.nodes("args");
  if (value === undefined || array === undefined) return true;
  if (!NEVER_NULL.has(node.number("opfuncid"))) return true;
  return all.canBeNull(value, place) || all.canBeNull(array, place) ||
    elementsCanBeNull(all, array, place) !== false;
}

/**
 * COALESCE is NULL when all its arguments are. Of a full join's sides one has a row: where an argument
 * is not NULL for the left one and another not for the right one, COALESCE is not NULL for either.
 */
function coalesceCanBeNull(all: Analysis, parts: readonly TreeNode[], place: Place): boolean {
  if (parts.some((part) => !all.canBeNull(part, place))) return false;
  if (place.isGrouped && place.grouping.size > 0) return true;
  const isPresent = (nuller: Nuller): boolean => place.facts.isPresent(nuller);
  // The outermost one whose sides are open: those within it are looked at where it has a row.
  const join = place.scope.joins.find((one) =>
    one.kind === "full" && !isPresent({ join: one, side: "left" }) &&
    !isPresent({ join: one, side: "right" })
  );
  if (
    join === undefined || !join.nullers.every(isPresent) || place.assumptions >= MAX_ASSUMPTIONS
  ) {
    return true;
  }
  return !(["left", "right"] as const).every((side) => {
    const there = place.supposing((facts) => facts.assume({ join, side }));
    return !coalesceCanBeNull(all, parts, there);
  });
}

/** More full joins within one another are not looked into: each doubles the work. */
const MAX_ASSUMPTIONS = 4;

/** `EXISTS` and `ARRAY(…)` have a value; `(select …)` where it must return a row. */
function sublinkCanBeNull(all: Analysis, node: TreeNode, place: Place): boolean {
  const query = node.node("subselect");
  if (query === undefined) return true;
  switch (node.number("subLinkType")) {
    case EXISTS_SUBLINK:
    case ARRAY_SUBLINK:
      return false;
    case EXPR_SUBLINK:
      return !isOneRow(query) || all.columnCanBeNull(query, 0, all.placeOf(query, place));
    case ANY_SUBLINK:
    case ALL_SUBLINK:
      return comparisonCanBeNull(all, node, query, place);
    default:
      return true;
  }
}

/** `x in (select …)`: NULL when `x` is, or a row of the query. */
function comparisonCanBeNull(
  all: Analysis,
  node: TreeNode,
  query: TreeNode,
  place: Place,
): boolean {
  const test = node.node("testexpr");
  if (test?.label !== "OPEXPR" || !NEVER_NULL.has(test.number("opfuncid"))) return true;
  const [value, other] = test.nodes("args");
  if (value === undefined || stripped(other)?.label !== "PARAM") return true;
  return all.canBeNull(value, place) || all.columnCanBeNull(query, 0, all.placeOf(query, place));
}

function stripped(node: TreeNode | undefined): TreeNode | undefined {
  return node?.label === "RELABELTYPE" ? stripped(node.node("arg")) : node;
}

/** `SubLinkType` in primnodes.h. */
const EXISTS_SUBLINK = 0;
const ALL_SUBLINK = 1;
const ANY_SUBLINK = 2;
const EXPR_SUBLINK = 4;
const ARRAY_SUBLINK = 6;

/** JSON_OBJECT and JSON_ARRAY of values have a value; aggregates are within `func`. */
function jsonConstructorCanBeNull(all: Analysis, node: TreeNode, place: Place): boolean {
  const kind = node.number("type");
  if (kind === JSON_OBJECT || kind === JSON_ARRAY) return false;
  const call = node.node("func");
  if (call !== undefined) return all.canBeNull(call, place);
  return anyCanBeNull(all, node, place, ["args"]);
}

/** `JsonConstructorType` in primnodes.h. */
const JSON_OBJECT = 1;
const JSON_ARRAY = 2;
