/**
 * Facts about the rows that a query returns: expressions that are not NULL, and sides of outer
 * joins that have a row. One leads to the other: a column that is not NULL comes from a row, and a
 * join whose both sides have a row has matched, so that its condition holds.
 */
import type { TreeNode } from "./node_text.ts";
import type { Join, Nuller, Scope, Side } from "./scope.ts";

/** Finds what must not be NULL for a condition to be true, or for a value not to be NULL. */
export interface Strictness {
  whenTrue(condition: TreeNode): ReadonlySet<TreeNode>;
  whenNotNull(value: TreeNode): ReadonlySet<TreeNode>;
}

/** The facts of one query. Facts are only added; {@linkcode Facts.copy} keeps a state. */
export class Facts {
  readonly #scope: Scope;
  readonly #strictness: Strictness;
  readonly #rows: Set<string>;
  readonly #groups: Set<string>;
  readonly #present: Set<string>;
  /** Conditions that were used: by their expression. */
  readonly #used: Set<TreeNode>;
  readonly #columns: Map<number, ReadonlySet<number>>;

  /** Reports whether facts about an expression are not to be kept. */
  readonly #isExcluded: (expression: TreeNode) => boolean;

  constructor(
    scope: Scope,
    strictness: Strictness,
    isExcluded: (expression: TreeNode) => boolean,
    from?: Facts,
  ) {
    this.#scope = scope;
    this.#isExcluded = isExcluded;
    this.#strictness = strictness;
    this.#rows = new Set(from === undefined ? [] : from.#rows);
    this.#groups = new Set(from === undefined ? [] : from.#groups);
    this.#present = new Set(from === undefined ? [] : from.#present);
    this.#used = new Set(from === undefined ? [] : from.#used);
    this.#columns = new Map(from === undefined ? [] : from.#columns);
    if (from === undefined) this.#settle();
  }

  copy(): Facts {
    return new Facts(this.#scope, this.#strictness, this.#isExcluded, this);
  }

  /** Reports whether an expression over the query's rows is known not to be NULL. */
  ofRow(expression: TreeNode): boolean {
    return this.#rows.size > 0 && this.#rows.has(expression.key);
  }

  /** Reports whether an expression over the query's groups is known not to be NULL. */
  ofGroup(expression: TreeNode): boolean {
    return this.#groups.size > 0 && this.#groups.has(expression.key);
  }

  /** Returns the columns of a relation that are known not to be NULL, by attribute number. */
  columnsOf(index: number): ReadonlySet<number> {
    return this.#columns.get(index) ?? NONE;
  }

  /** Reports whether the relation at `index` has a row: no outer join has made it NULL. */
  hasRow(index: number): boolean {
    return this.#scope.nullers(index).every((nuller) => this.isPresent(nuller));
  }

  /** Reports whether a join's side has a row. */
  isPresent({ join, side }: Nuller): boolean {
    return this.#present.has(`${join.index} ${side}`);
  }

  /** Adds that a join's side has a row. */
  assume(nuller: Nuller): void {
    this.#appear(nuller);
    this.#settle();
  }

  /** Adds that these are not NULL; `ofGroups`: in the query's groups, and so in their rows. */
  learn(expressions: Iterable<TreeNode>, ofGroups: boolean = false): void {
    for (const expression of expressions) this.#learn(expression, ofGroups);
    this.#settle();
  }

  #learn(expression: TreeNode, ofGroups: boolean): void {
    if (this.#isExcluded(expression)) return;
    if (ofGroups) this.#groups.add(expression.key);
    if (this.#rows.has(expression.key)) return;
    this.#rows.add(expression.key);
    if (expression.label !== "VAR" || expression.number("varlevelsup") !== 0) return;
    const index = expression.number("varno");
    const column = expression.number("varattno");
    for (const nuller of this.#scope.nullers(index)) this.#appear(nuller);
    if (column > 0) this.#columns.set(index, new Set([...this.columnsOf(index), column]));
    const alias = aliased(this.#scope, index, column);
    if (alias) { for (const part of this.#strictness.whenNotNull(alias)) this.#learn(part, false); }
  }

  #appear({ join, side }: Nuller): void {
    this.#present.add(`${join.index} ${side}`);
  }

  /** Uses conditions until they say nothing more. */
  #settle(): void {
    for (let before = -1; before !== this.#used.size;) {
      before = this.#used.size;
      for (const { expression, nullers } of this.#scope.conditions) {
        if (nullers.every((nuller) => this.isPresent(nuller))) this.#use(expression);
      }
      for (const join of this.#scope.joins) {
        if (join.condition && this.#hasMatched(join)) this.#use(join.condition);
      }
    }
  }

  #hasMatched(join: Join): boolean {
    if (join.kind === "inner") return false; // is among the conditions
    const has = (side: Side): boolean => this.isPresent({ join, side });
    const sides: Record<string, readonly Side[]> = { left: ["right"], right: ["left"] };
    return (sides[join.kind] ?? ["left", "right"]).every(has) &&
      join.nullers.every((nuller) => this.isPresent(nuller));
  }

  #use(condition: TreeNode): void {
    if (this.#used.has(condition)) return;
    this.#used.add(condition);
    for (const part of this.#strictness.whenTrue(condition)) this.#learn(part, false);
  }
}

const NONE: ReadonlySet<number> = new Set();

/** Returns the expression for which a column of a join or of a grouping stands. */
export function aliased(scope: Scope, index: number, column: number): TreeNode | undefined {
  const relation = scope.relation(index);
  if (relation === undefined || column < 1) return undefined;
  const kind = relation.text("rtekind");
  if (kind === JOIN) return relation.nodes("joinaliasvars")[column - 1];
  return kind === GROUP ? relation.nodes("groupexprs")[column - 1] : undefined;
}

/** `RTEKind` in parsenodes.h. */
export const JOIN = "2";
export const GROUP = "9";
