/** Columns of a query's relations: tables, views, subqueries, CTEs, functions and lists of values. */
import type { Analysis } from "./analysis.ts";
import { aliased, GROUP, JOIN } from "./facts.ts";
import { functionColumnCanBeNull } from "./functions.ts";
import type { TreeNode } from "./node_text.ts";
import type { Place } from "./place.ts";
import { isTarget, returnedCanBeNull, sourceCanBeMissing } from "./returned.ts";

/** Reports whether a column, or a whole row, can be NULL. */
export function variableCanBeNull(all: Analysis, node: TreeNode, place: Place): boolean {
  const levels = node.number("varlevelsup");
  if (levels !== 0) {
    const own = levels > 0 ? place.outward(levels) : undefined;
    return own === undefined || all.canBeNull(node.with("varlevelsup", "0"), own);
  }
  const [index, column] = [node.number("varno"), node.number("varattno")];
  const relation = place.scope.relation(index);
  if (relation === undefined) return true;
  const alias = aliased(place.scope, index, column);
  if (alias !== undefined) return all.canBeNull(alias, place.rows);
  if (isTarget(place, index) && !place.isBefore) {
    return returnedCanBeNull(all, node, place, relation);
  }
  if (!place.facts.hasRow(index) || sourceCanBeMissing(place)) return true;
  if (column === 0) return !HAS_ROWS.has(relation.text("rtekind") ?? "");
  return columnCanBeNull(all, relation, index, column, place);
}

function columnCanBeNull(
  all: Analysis,
  relation: TreeNode,
  index: number,
  column: number,
  place: Place,
): boolean {
  switch (relation.text("rtekind")) {
    case RELATION: {
      const answer = all.catalogue.columnIsNotNull(relation, column);
      if (answer !== undefined) return !answer;
      return queryColumnCanBeNull(all, relation, index, column, place);
    }
    case SUBQUERY:
    case CTE:
      return queryColumnCanBeNull(all, relation, index, column, place);
    case FUNCTION:
      return functionColumnCanBeNull(all, relation, column, place.rows);
    case TABLE_FUNCTION:
      return tableFunctionColumnCanBeNull(relation, column);
    case VALUES:
      return relation.list("values_lists").some((row) => {
        const value = Array.isArray(row) ? row[column - 1] : undefined;
        return !isNode(value) || all.canBeNull(value, place.rows);
      });
    case JOIN:
    case GROUP:
    default:
      return true;
  }
}

function queryColumnCanBeNull(
  all: Analysis,
  relation: TreeNode,
  index: number,
  column: number,
  place: Place,
): boolean {
  const found = all.queryOf(relation, index, place.rows);
  if (found === undefined) return true;
  if ("assumed" in found) return found.assumed[column - 1] ?? true;
  return column < 1 || all.columnCanBeNull(found.query, column - 1, found.place);
}

/** XMLTABLE's columns FOR ORDINALITY and NOT NULL; nested paths of JSON_TABLE have rows without. */
function tableFunctionColumnCanBeNull(relation: TreeNode, column: number): boolean {
  const table = relation.node("tablefunc");
  if (table === undefined || (table.text("functype") ?? XMLTABLE) !== XMLTABLE) return true;
  return table.number("ordinalitycol") !== column - 1 &&
    !table.numbers("notnulls").includes(column - 1);
}

const XMLTABLE = "0";

function isNode(value: unknown): value is TreeNode {
  return typeof value === "object" && value !== null && "label" in value;
}

/** `RTEKind` in parsenodes.h. */
export const RELATION = "0";
export const SUBQUERY = "1";
const FUNCTION = "3";
const TABLE_FUNCTION = "4";
const VALUES = "5";
export const CTE = "6";

/** Relations whose whole row is a value wherever there is a row. */
const HAS_ROWS: ReadonlySet<string> = new Set([RELATION, SUBQUERY, VALUES, CTE]);
