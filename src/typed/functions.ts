/** Columns of functions in FROM. */
import type { Analysis } from "./analysis.ts";
import { elementsCanBeNull } from "./elements.ts";
import { SET_COLUMNS, SETS_NEVER_NULL } from "./never_null.ts";
import type { TreeNode } from "./node_text.ts";
import type { Place } from "./place.ts";

/** Reports whether a column of a function, or of ROWS FROM several, can be NULL. */
export function functionColumnCanBeNull(
  all: Analysis,
  relation: TreeNode,
  column: number,
  place: Place,
): boolean {
  const functions = relation.nodes("functions");
  const width = functions.reduce((sum, one) => sum + one.number("funccolcount"), 0);
  if (column === width + 1 && relation.is("funcordinality")) return false;
  const [first] = functions;
  const call = first?.node("funcexpr");
  // Of several functions, the shorter ones are filled up with NULL.
  if (call === undefined || functions.length > 1) return true;
  const oid = call.number("funcid");
  const columns = SET_COLUMNS.get(oid);
  if (columns !== undefined) return !columns.includes(column);
  if (width !== 1) return true;
  if (oid === UNNEST) {
    const [array] = call.nodes("args");
    return array === undefined || elementsCanBeNull(all, array, place) !== false;
  }
  if (call.is("funcretset")) return !SETS_NEVER_NULL.has(oid);
  return all.catalogue.isComposite(call.number("funcresulttype")) || all.canBeNull(call, place);
}

/** `unnest(anyarray)`. */
const UNNEST = 2331;
