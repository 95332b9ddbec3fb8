/** Queries that return exactly one row. */
import type { TreeNode } from "./node_text.ts";

/** Reports whether a query returns exactly one row, whatever the tables hold. */
export function isOneRow(query: TreeNode): boolean {
  const holds = (...fields: readonly string[]): boolean =>
    fields.some((field) => query.node(field) !== undefined || query.list(field).length > 0);
  if (query.text("commandType") !== "1" || query.is("hasTargetSRFs")) return false;
  if (holds("limitCount", "limitOffset", "havingQual", "setOperations")) return false;
  if (holds("groupClause", "groupingSets")) return false;
  return query.is("hasAggs") || isOneRowFrom(query);
}

function isOneRowFrom(query: TreeNode): boolean {
  const tree = query.node("jointree");
  if (tree === undefined || tree.node("quals") !== undefined) return false;
  return tree.nodes("fromlist").every((item) => {
    const relation = query.nodes("rtable")[item.number("rtindex") - 1];
    if (item.label !== "RANGETBLREF" || relation === undefined) return false;
    const subquery = relation.node("subquery");
    if (subquery !== undefined) return isOneRow(subquery);
    return relation.list("values_lists").length === 1;
  });
}
