/** Follows an expression to the ones that compute its value. */
import type { Analysis, Placed } from "./analysis.ts";
import { conditional } from "./branches.ts";
import { aliased } from "./facts.ts";
import type { TreeNode } from "./node_text.ts";
import type { Place } from "./place.ts";
import { setOperationLeaves } from "./queries.ts";
import { targetAt } from "./place.ts";

/** Longer ways and more origins than these are given up. */
const MAX_DEPTH = 100;
const MAX_ORIGINS = 200;

/** See {@linkcode Analysis.origins}. */
export function originsOf(
  all: Analysis,
  node: TreeNode,
  place: Place,
  depth: number = 0,
): readonly Placed[] | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const next = (expression: TreeNode | undefined, at: Place = place): Found =>
    expression && originsOf(all, expression, at, depth + 1);
  switch (node.label) {
    case "VAR":
      return ofVariable(all, node, place, depth);
    case "CONST":
      return node.is("constisnull") ? [] : [{ expression: node, place }];
    case "RELABELTYPE":
    case "COLLATEEXPR":
    case "COERCETODOMAIN":
      return next(node.node("arg"));
    case "COALESCEEXPR":
    case "MINMAXEXPR":
      return joined(node.nodes("args").map((part) => next(part)));
    case "NULLIFEXPR":
      return next(node.nodes("args")[0]);
    case "CASEEXPR":
      return joined(conditional(all, node, place).map((one) => next(one.expression, one.place)));
    case "SUBLINK": {
      const query = node.node("subselect");
      if (node.number("subLinkType") !== EXPR_SUBLINK) return [{ expression: node, place }];
      return query && ofColumn(all, query, 0, all.placeOf(query, place), depth);
    }
    default:
      return [{ expression: node, place }];
  }
}

type Found = readonly Placed[] | undefined;

const EXPR_SUBLINK = 4;

function joined(found: readonly Found[]): Found {
  const origins: Placed[] = [];
  for (const some of found) {
    if (some === undefined || origins.length + some.length > MAX_ORIGINS) return undefined;
    origins.push(...some);
  }
  return origins;
}

function ofVariable(all: Analysis, node: TreeNode, place: Place, depth: number): Found {
  const own = place.outward(node.number("varlevelsup"));
  if (own === undefined) return undefined;
  const plain = node.number("varlevelsup") === 0 ? node : node.with("varlevelsup", "0");
  const [index, column] = [node.number("varno"), node.number("varattno")];
  const relation = own.scope.relation(index);
  const itself: Found = [{ expression: plain, place: own }];
  if (relation === undefined || column < 1) return itself;
  const alias = aliased(own.scope, index, column);
  if (alias !== undefined) return originsOf(all, alias, own.rows, depth + 1);
  const rows = relation.list("values_lists");
  if (rows.length > 0) {
    return joined(rows.map((row) => {
      const value = Array.isArray(row) ? row[column - 1] : undefined;
      const isNode = typeof value === "object" && value !== null && "label" in value;
      return isNode ? originsOf(all, value as TreeNode, own.rows, depth + 1) : undefined;
    }));
  }
  if (relation.is("self_reference")) return withinItself(all, node);
  const found = all.queryOf(relation, index, own.rows);
  if (found === undefined) return itself;
  if ("assumed" in found) return withinItself(all, node);
  return ofColumn(all, found.query, column - 1, found.place, depth);
}

/**
 * A recursive CTE's column within that CTE. The elements of its arrays are those that its other parts
 * bring; JSON may be nested in itself without end.
 */
function withinItself(all: Analysis, node: TreeNode): Found {
  return all.catalogue.baseType(node.number("vartype"))?.kind === "array" ? [] : undefined;
}

/** Follows a query's column, through all parts of a set operation. */
export function ofColumn(
  all: Analysis,
  query: TreeNode,
  index: number,
  place: Place,
  depth: number = 0,
): Found {
  if (depth > MAX_DEPTH) return undefined;
  const leaves = setOperationLeaves(query);
  if (leaves === undefined) {
    const target = targetAt(query, index);
    return target && originsOf(all, target, place, depth + 1);
  }
  return joined(leaves.map((leaf) => {
    const subquery = place.scope.relation(leaf)?.node("subquery");
    return subquery && ofColumn(all, subquery, index, all.placeOf(subquery, place), depth + 1);
  }));
}
