/** Whether elements of an array can be NULL, and how many dimensions it has, where that is known. */
import { argumentPlace, argumentsOf } from "./aggregates.ts";
import type { Analysis, Placed } from "./analysis.ts";
import { expressionType } from "./expression_type.ts";
import { NEVER_NULL } from "./never_null.ts";
import type { TreeNode } from "./node_text.ts";
import type { Place } from "./place.ts";

/** Returns whether an array's elements can be NULL; `undefined` when that is not known. */
export function elementsCanBeNull(
  all: Analysis,
  array: TreeNode,
  place: Place,
): boolean | undefined {
  return originsHaveNull(all, all.origins(array, place));
}

/** Returns the answer for an array that comes from one of several expressions. */
export function originsHaveNull(
  all: Analysis,
  origins: readonly Placed[] | undefined,
): boolean | undefined {
  if (origins === undefined) return undefined;
  const answers = origins.map((one) => ofOrigin(all, one.expression, one.place));
  if (answers.includes(true)) return true;
  return answers.includes(undefined) ? undefined : false;
}

function ofOrigin(all: Analysis, node: TreeNode, place: Place): boolean | undefined {
  const nested = (part: TreeNode | undefined): boolean | undefined =>
    part && elementsCanBeNull(all, part, place);
  switch (node.label) {
    case "CONST":
      return constantHasNull(node);
    case "ARRAYEXPR": {
      const elements = node.nodes("elements");
      if (node.is("multidims")) return some(elements.map(nested));
      return elements.some((part) => all.canBeNull(part, place));
    }
    case "ARRAYCOERCEEXPR":
      return keepsValues(node.node("elemexpr")) ? nested(node.node("arg")) : undefined;
    case "SUBLINK": {
      const query = node.node("subselect");
      if (node.number("subLinkType") !== ARRAY_SUBLINK || query === undefined) return undefined;
      if (isOfArrays(all, query)) return undefined;
      return all.columnCanBeNull(query, 0, all.placeOf(query, place));
    }
    case "AGGREF":
      return aggregateHasNull(all, node, place);
    case "WINDOWFUNC": {
      const [value] = node.nodes("args");
      const isArray = node.number("winfnoid") === ARRAY_AGG && value !== undefined;
      return isArray ? all.canBeNull(value, place.anyRow) : undefined;
    }
    case "FUNCEXPR":
    case "OPEXPR":
      return callHasNull(all, node, place);
    default:
      return undefined;
  }
}

/** Reports whether a query's first column is an array, so that its elements have elements. */
function isOfArrays(all: Analysis, query: TreeNode): boolean {
  const target = query.nodes("targetList")[0]?.node("expr");
  return target === undefined ||
    all.catalogue.baseType(expressionType(target))?.kind === "array";
}

const ARRAY_SUBLINK = 6;
/** `array_agg(anynonarray)` and `array_agg(anyarray)`. */
const ARRAY_AGG = 2335;
const ARRAY_AGG_OF_ARRAYS = 4053;

/** Functions of pg_proc.dat whose arrays hold no NULL: of what splits texts. */
const SPLITTING: ReadonlySet<number> = new Set([394, 2767, 2768]);
const ARRAY_APPEND = 378;
const ARRAY_PREPEND = 379;
const ARRAY_CAT = 383;
const ARRAY_REMOVE = 3167;

function some(answers: readonly (boolean | undefined)[]): boolean | undefined {
  return answers.includes(true) ? true : answers.includes(undefined) ? undefined : false;
}

function aggregateHasNull(all: Analysis, node: TreeNode, place: Place): boolean | undefined {
  const rows = argumentPlace(all, node, place);
  const [value] = argumentsOf(node);
  if (rows === undefined || value === undefined) return undefined;
  switch (node.number("aggfnoid")) {
    case ARRAY_AGG:
      return all.canBeNull(value, rows);
    case ARRAY_AGG_OF_ARRAYS:
      return elementsCanBeNull(all, value, rows);
    default:
      return undefined;
  }
}

function callHasNull(all: Analysis, node: TreeNode, place: Place): boolean | undefined {
  const oid = node.number(node.label === "OPEXPR" ? "opfuncid" : "funcid");
  const [first, second] = node.nodes("args");
  if (SPLITTING.has(oid)) return false;
  if (first === undefined || second === undefined) return undefined;
  const array = (part: TreeNode): boolean | undefined => elementsCanBeNull(all, part, place);
  switch (oid) {
    case ARRAY_CAT:
      return some([array(first), array(second)]);
    case ARRAY_APPEND:
      return some([array(first), all.canBeNull(second, place)]);
    case ARRAY_PREPEND:
      return some([all.canBeNull(first, place), array(second)]);
    case ARRAY_REMOVE:
      return second.text("constisnull") === "true" ? false : array(first);
    default:
      return undefined;
  }
}

/** Reports whether the conversion of an array's elements never makes NULL of a value. */
function keepsValues(conversion: TreeNode | undefined): boolean {
  switch (conversion?.label) {
    case "CASETESTEXPR":
      return true;
    case "RELABELTYPE":
      return keepsValues(conversion.node("arg"));
    case "FUNCEXPR":
      return NEVER_NULL.has(conversion.number("funcid")) &&
        keepsValues(conversion.nodes("args")[0]);
    default:
      return false;
  }
}

/** Reads an array's header: the offset of its values is 0 where there is no bitmap of NULLs. */
function constantHasNull(node: TreeNode): boolean | undefined {
  const bytes = node.bytes("constvalue");
  if (bytes === undefined || bytes.length < 16 || (bytes[0]! & 3) !== 0) return undefined;
  return bytes.subarray(8, 12).some((byte) => byte !== 0);
}

/** Returns how many dimensions an array has; 1 unless the expression says otherwise. */
export function dimensionsOf(all: Analysis, origins: readonly Placed[] | undefined): number {
  const [first] = origins ?? [];
  if (first === undefined) return 1;
  const { expression } = first;
  const inner = (part: TreeNode | undefined, at: Place | undefined): number =>
    part && at ? 1 + dimensionsOf(all, all.origins(part, at)) : 1;
  if (expression.label === "ARRAYEXPR" && expression.is("multidims")) {
    return inner(expression.nodes("elements")[0], first.place);
  }
  if (expression.number("aggfnoid") !== ARRAY_AGG_OF_ARRAYS) return 1;
  return inner(argumentsOf(expression)[0], argumentPlace(all, expression, first.place));
}
