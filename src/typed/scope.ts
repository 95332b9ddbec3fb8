/**
 * The relations of one query and the joins between them: which outer joins can make which relation's
 * columns NULL. Worked out from the join tree, which all majors have; `varnullingrels` came with 16.
 */
import type { TreeNode } from "./node_text.ts";
import { isOneRow } from "./one_row.ts";

/** A side of a join. */
export type Side = "left" | "right";

/** A join of a query's join tree. */
export interface Join {
  /** Position of the join's own entry in the range table; from 1. */
  readonly index: number;
  /** `full` stands for kinds that are not known, too: both sides can be missing. */
  readonly kind: "inner" | "left" | "right" | "full";
  /** The condition behind ON, or that of USING. */
  readonly condition: TreeNode | undefined;
  /** The outer joins above that can make both sides of this one NULL. */
  readonly nullers: readonly Nuller[];
}

/** An outer join that makes a relation NULL where no row matches: the side on which it stands. */
export interface Nuller {
  readonly join: Join;
  readonly side: Side;
}

/** A condition that holds for each row, once the outer joins around it are known to have matched. */
export interface Condition {
  readonly expression: TreeNode;
  readonly nullers: readonly Nuller[];
}

/** A query's relations, joins and conditions. */
export class Scope {
  readonly query: TreeNode;
  /** The range table. */
  readonly relations: readonly TreeNode[];
  readonly joins: Join[] = [];
  /** WHERE, and the conditions of inner joins. */
  readonly conditions: Condition[] = [];
  readonly #nullers = new Map<number, readonly Nuller[]>();

  constructor(query: TreeNode) {
    this.query = query;
    this.relations = query.nodes("rtable");
    const tree = query.node("jointree");
    // What MERGE returns need not have met its conditions.
    if (tree !== undefined) this.#walk(tree, [], query.text("commandType") !== MERGE);
  }

  /** Returns the entry of the range table at `index`, which is from 1. */
  relation(index: number): TreeNode | undefined {
    return this.relations[index - 1];
  }

  /** Returns the outer joins that can make the relation at `index` NULL, outermost first. */
  nullers(index: number): readonly Nuller[] {
    return this.#nullers.get(index) ?? [];
  }

  #walk(node: TreeNode, nullers: readonly Nuller[], holds: boolean): void {
    switch (node.label) {
      case "RANGETBLREF":
        this.#nullers.set(node.number("rtindex"), nullers);
        return;
      case "FROMEXPR": {
        for (const item of node.nodes("fromlist")) this.#walk(item, nullers, holds);
        const expression = node.node("quals");
        if (expression && holds) this.conditions.push({ expression, nullers });
        return;
      }
      case "JOINEXPR":
        this.#walkJoin(node, nullers, holds);
    }
  }

  /** `left join lateral (select count(*) …) on true` finds a row each time. */
  #alwaysMatches(node: TreeNode): boolean {
    const subquery = this.relation(node.node("rarg")?.number("rtindex") ?? 0)?.node("subquery");
    return node.node("rarg")?.label === "RANGETBLREF" && subquery !== undefined &&
      isTrue(node.node("quals")) && isOneRow(subquery);
  }

  #walkJoin(node: TreeNode, nullers: readonly Nuller[], holds: boolean): void {
    const index = node.number("rtindex");
    const declared = KINDS[node.number("jointype")] ?? "full";
    const kind = declared === "left" && this.#alwaysMatches(node) ? "inner" : declared;
    const condition = holds ? node.node("quals") : undefined;
    const join: Join = { index, kind, condition, nullers };
    this.joins.push(join);
    this.#nullers.set(index, nullers);
    if (kind === "inner" && condition) this.conditions.push({ expression: condition, nullers });
    const missing = (side: Side, kinds: readonly string[]): readonly Nuller[] =>
      kinds.includes(kind) ? [...nullers, { join, side }] : nullers;
    const [left, right] = [node.node("larg"), node.node("rarg")];
    if (left) this.#walk(left, missing("left", ["right", "full"]), holds);
    if (right) this.#walk(right, missing("right", ["left", "full"]), holds);
  }
}

/** Reports whether a condition is the constant TRUE. */
function isTrue(condition: TreeNode | undefined): boolean {
  return condition === undefined ||
    condition.label === "CONST" && condition.bytes("constvalue")?.[0] === 1;
}

/** `CmdType` in nodes.h. */
export const SELECT = "1";
export const UPDATE = "2";
export const INSERT = "3";
export const DELETE = "4";
export const MERGE = "5";

/** `JoinType` in nodes.h. */
const KINDS: readonly Join["kind"][] = ["inner", "left", "full", "right"];

/** Returns the entries of a query's result: of its RETURNING clause where it is no SELECT. */
export function targetsOf(query: TreeNode): readonly TreeNode[] {
  const list = query.text("commandType") === SELECT ? "targetList" : "returningList";
  return query.nodes(list).filter((entry) => !entry.is("resjunk"));
}
