/** A query's columns: of its SELECT or RETURNING list, or of the parts of its set operation. */
import type { Analysis } from "./analysis.ts";
import type { TreeNode } from "./node_text.ts";
import { type Place, targetAt } from "./place.ts";
import { countSets } from "./sets.ts";

/** Reports whether a query's column at `index`, from 0, can be NULL. */
export function queryColumnCanBeNull(
  all: Analysis,
  query: TreeNode,
  index: number,
  place: Place,
  known: ReadonlySet<number>,
): boolean {
  const operation = query.node("setOperations");
  if (operation !== undefined) return operandCanBeNull(all, operation, index, place, known);
  const expression = targetAt(query, index);
  return expression === undefined || countSets(query) > MAX_SETS ||
    all.canBeNull(expression, place);
}

/** More set-returning functions than this are not looked into. */
const MAX_SETS = 1000;

/** A part of a set operation: UNION can have what either side has, INTERSECT what both have. */
function operandCanBeNull(
  all: Analysis,
  operand: TreeNode,
  index: number,
  place: Place,
  known: ReadonlySet<number>,
): boolean {
  if (operand.label === "RANGETBLREF") {
    const query = place.scope.relation(operand.number("rtindex"))?.node("subquery");
    if (query === undefined) return true;
    return all.columnCanBeNull(query, index, all.placeOf(query, place, known));
  }
  const sides = [operand.node("larg"), operand.node("rarg")]
    .map((side) => () => side === undefined || operandCanBeNull(all, side, index, place, known));
  const [left, right] = sides as [() => boolean, () => boolean];
  switch (operand.number("op")) {
    case UNION:
      return left() || right();
    case INTERSECT:
      return left() && right();
    case EXCEPT:
      return left();
    default:
      return true;
  }
}

/** `SetOperation` in parsenodes.h. */
const UNION = 1;
const INTERSECT = 2;
const EXCEPT = 3;

/** Returns the relations of a set operation's parts; `undefined` for other queries. */
export function setOperationLeaves(query: TreeNode): readonly number[] | undefined {
  const operation = query.node("setOperations");
  return operation && leavesOf(operation);
}

function leavesOf(operand: TreeNode): readonly number[] {
  if (operand.label === "RANGETBLREF") return [operand.number("rtindex")];
  return [operand.node("larg"), operand.node("rarg")].filter((side) => side !== undefined)
    .flatMap(leavesOf);
}
