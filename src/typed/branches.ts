/** The results of a CASE, each where its condition holds and those before it do not. */
import type { Analysis, Placed } from "./analysis.ts";
import type { TreeNode } from "./node_text.ts";
import type { Place } from "./place.ts";

/** Returns the results of a CASE. A missing ELSE is its constant NULL, which the parser adds. */
export function conditional(all: Analysis, node: TreeNode, place: Place): readonly Placed[] {
  const branches: Placed[] = [];
  const subject = node.node("arg");
  const named = (found: ReadonlySet<TreeNode>): TreeNode[] =>
    [...found].flatMap((one) =>
      one.label !== "CASETESTEXPR" ? [one] : subject ? [...all.strictness.whenNotNull(subject)] : []
    );
  let rest = place;
  for (const branch of node.nodes("args")) {
    const [condition, expression] = [branch.node("expr"), branch.node("result")];
    if (condition === undefined || expression === undefined) continue;
    branches.push({ expression, place: rest.knowing(named(all.strictness.whenTrue(condition))) });
    rest = rest.knowing(named(all.strictness.whenNotTrue(condition)));
  }
  const otherwise = node.node("defresult");
  return otherwise ? [...branches, { expression: otherwise, place: rest }] : branches;
}
