/** The type of an expression. Source: src/backend/nodes/nodeFuncs.c, `exprType`. */
import type { TreeNode } from "./node_text.ts";

/** The fields that hold it, by the node's label. */
const FIELDS: Readonly<Record<string, string>> = {
  AGGREF: "aggtype",
  ARRAYCOERCEEXPR: "resulttype",
  ARRAYEXPR: "array_typeid",
  CASEEXPR: "casetype",
  CASETESTEXPR: "typeId",
  COALESCEEXPR: "coalescetype",
  COERCETODOMAIN: "resulttype",
  COERCEVIAIO: "resulttype",
  CONST: "consttype",
  CONVERTROWTYPEEXPR: "resulttype",
  FIELDSELECT: "resulttype",
  FUNCEXPR: "funcresulttype",
  MINMAXEXPR: "minmaxtype",
  NULLIFEXPR: "opresulttype",
  OPEXPR: "opresulttype",
  PARAM: "paramtype",
  RELABELTYPE: "resulttype",
  ROWEXPR: "row_typeid",
  SQLVALUEFUNCTION: "type",
  SUBSCRIPTINGREF: "refrestype",
  VAR: "vartype",
  WINDOWFUNC: "wintype",
};

const BOOLEANS: ReadonlySet<string> = new Set([
  ...["BOOLEXPR", "NULLTEST", "BOOLEANTEST", "DISTINCTEXPR", "SCALARARRAYOPEXPR"],
  ...["ROWCOMPAREEXPR", "JSONISPREDICATE"],
]);

/** Returns the OID of an expression's type; 0 when it is not known. */
export function expressionType(node: TreeNode): number {
  if (BOOLEANS.has(node.label)) return 16;
  const field = FIELDS[node.label];
  if (field !== undefined) return node.number(field) || 0;
  if (node.label === "COLLATEEXPR") {
    const argument = node.node("arg");
    return argument ? expressionType(argument) : 0;
  }
  if (node.label !== "SUBLINK" || node.number("subLinkType") !== EXPR_SUBLINK) return 0;
  const target = node.node("subselect")?.nodes("targetList")[0]?.node("expr");
  return target ? expressionType(target) : 0;
}

const EXPR_SUBLINK = 4;
