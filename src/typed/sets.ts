/** The set-returning functions in a query's SELECT list. */
import { type NodeValue, TreeNode } from "./node_text.ts";

/** Counts them; those within subqueries belong to these. */
export function countSets(query: TreeNode): number {
  if (!query.is("hasTargetSRFs")) return 0;
  // Those that only ORDER BY needs are among them.
  return query.nodes("targetList").reduce((sum, target) => sum + countIn(target), 0);
}

function countIn(value: NodeValue): number {
  if (value instanceof TreeNode) {
    if (value.label === "QUERY") return 0;
    let count = value.is("funcretset") || value.is("opretset") ? 1 : 0;
    for (const field of value.values) count += countIn(field);
    return count;
  }
  return Array.isArray(value) ? value.reduce((sum: number, one) => sum + countIn(one), 0) : 0;
}
