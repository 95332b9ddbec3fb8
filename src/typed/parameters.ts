/**
 * Which parameters can be NULL: those that are stored in a column that can be NULL, and those that
 * are asked whether they are.
 */
import type { Catalogue } from "./catalogue.ts";
import { type NodeValue, TreeNode } from "./node_text.ts";
import { INSERT, UPDATE } from "./scope.ts";

/** Returns the numbers of the parameters that can be NULL. */
export function nullableParameters(tree: NodeValue, catalogue: Catalogue): Set<number> {
  const found = new Set<number>();
  visit(tree, (node, queries) => {
    if (ASKS.has(node.label)) {
      const parts = [...node.nodes("args"), ...[node.node("arg")].filter((one) => !!one)];
      for (const part of parts) addParameter(part, found);
    }
    if (node.label === "QUERY") addStored(node, catalogue, found);
    if (node.label === "MERGEACTION") addAssigned(node, queries.at(-1), catalogue, found);
  });
  return found;
}

/** Expressions that make sense of NULL. */
const ASKS: ReadonlySet<string> = new Set([
  "COALESCEEXPR",
  "NULLTEST",
  "DISTINCTEXPR",
]);

type Visitor = (node: TreeNode, queries: readonly TreeNode[]) => void;

function visit(value: NodeValue, visitor: Visitor, queries: readonly TreeNode[] = []): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, visitor, queries);
  } else if (value instanceof TreeNode) {
    const within = value.label === "QUERY" ? [...queries, value] : queries;
    visitor(value, within);
    for (const field of value.values) visit(field, visitor, within);
  }
}

/** Adds the parameter that an expression is, behind casts. */
function addParameter(node: TreeNode | undefined, found: Set<number>): void {
  switch (node?.label) {
    case "PARAM":
      if (node.number("paramkind") === 0) found.add(node.number("paramid"));
      return;
    case "RELABELTYPE":
    case "COERCEVIAIO":
    case "COLLATEEXPR":
    case "ARRAYCOERCEEXPR":
      return addParameter(node.node("arg"), found);
    case "FUNCEXPR": // a cast with a function, or to a length
      if (/^[12]$/.test(node.text("funcformat") ?? "")) addParameter(node.nodes("args")[0], found);
  }
}

function addStored(
  query: TreeNode,
  catalogue: Catalogue,
  found: Set<number>,
): void {
  const command = query.text("commandType");
  if (command !== INSERT && command !== UPDATE) return;
  addAssigned(query, query, catalogue, found);
  const conflict = query.node("onConflict");
  if (conflict) addEntries(conflict.nodes("onConflictSet"), query, catalogue, found);
}

function addAssigned(
  holder: TreeNode,
  query: TreeNode | undefined,
  catalogue: Catalogue,
  found: Set<number>,
): void {
  if (query) addEntries(holder.nodes("targetList"), query, catalogue, found);
}

/** Adds parameters that are stored in columns that can be NULL. */
function addEntries(
  entries: readonly TreeNode[],
  query: TreeNode,
  catalogue: Catalogue,
  found: Set<number>,
): void {
  const relation = query.nodes("rtable")[query.number("resultRelation") - 1];
  if (relation === undefined) return;
  for (const entry of entries) {
    if (entry.is("resjunk") || catalogue.refusesNull(relation, entry.number("resno"))) continue;
    for (const value of storedValues(entry.node("expr"), query)) addParameter(value, found);
  }
}

/** Returns the expressions of which a stored value is one: those of a list of VALUES, or of a SELECT. */
function storedValues(
  node: TreeNode | undefined,
  query: TreeNode,
): readonly (TreeNode | undefined)[] {
  const inner = node && bare(node);
  if (inner?.label !== "VAR" || inner.number("varlevelsup") !== 0) return [node];
  const relation = query.nodes("rtable")[inner.number("varno") - 1];
  const column = inner.number("varattno");
  const subquery = relation?.node("subquery");
  if (subquery !== undefined) {
    const target = subquery.nodes("targetList").filter((one) => !one.is("resjunk"))[column - 1];
    return subquery.node("setOperations") ? [] : storedValues(target?.node("expr"), subquery);
  }
  return (relation?.list("values_lists") ?? []).flatMap((row) => {
    const value = Array.isArray(row) ? row[column - 1] : undefined;
    return value instanceof TreeNode ? [value] : [];
  });
}

/** Returns an expression behind the casts that storing adds. */
function bare(node: TreeNode): TreeNode {
  const isCast = node.label === "RELABELTYPE" || node.label === "COERCEVIAIO" ||
    node.label === "COERCETODOMAIN";
  const argument = isCast ? node.node("arg") : undefined;
  return argument ? bare(argument) : node;
}
