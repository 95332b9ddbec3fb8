/**
 * Where an expression stands: in which query, with what known of its rows, within which other
 * queries.
 */
import { Facts, type Strictness } from "./facts.ts";
import { mentions, type TreeNode } from "./node_text.ts";
import { type Scope, targetsOf, UPDATE } from "./scope.ts";

type Parts = Pick<Place, "scope" | "facts" | "outer" | "isGrouped" | "isBefore" | "grouping">;

/** A place within a query. */
export class Place {
  readonly scope: Scope;
  readonly facts: Facts;
  /** The place in the query around this one; `undefined` in an outermost query. */
  readonly outer: Place | undefined;
  /** Whether the expression is over groups rather than the rows of FROM. */
  readonly isGrouped: boolean;
  /** Whether the target of an UPDATE is its rows before the update, as in SET and WHERE. */
  readonly isBefore: boolean;
  /** Keys of the expressions that grouping sets make NULL. */
  readonly grouping: ReadonlySet<string>;
  /** Which of the query's columns can be NULL, as far as that was asked. */
  readonly answers: Map<number, boolean> = new Map();
  readonly #unassuming: Place | undefined;
  /** How many sides of joins are supposed to have a row. */
  readonly assumptions: number;
  #rows: Place | undefined;

  private constructor(
    parts: Parts,
    unassuming?: Place,
    assumptions: number = 0,
  ) {
    this.assumptions = assumptions;
    this.scope = parts.scope;
    this.facts = parts.facts;
    this.outer = parts.outer;
    this.isGrouped = parts.isGrouped;
    this.isBefore = parts.isBefore;
    this.grouping = parts.grouping;
    this.#unassuming = unassuming;
  }

  /** Makes the place of a query's result; of an UPDATE's SET with `isBefore`. */
  static of(
    scope: Scope,
    strictness: Strictness,
    outer: Place | undefined,
    isBefore: boolean = false,
  ): Place {
    const { query } = scope;
    // WHERE is about an UPDATE's rows before, RETURNING about those after it.
    const changed = query.text("commandType") === UPDATE && !isBefore
      ? query.number("resultRelation")
      : 0;
    const facts = new Facts(scope, strictness, (one) => changed > 0 && mentions(one, changed));
    const having = query.node("havingQual");
    if (having) facts.learn(strictness.whenTrue(having), true);
    const isGrouped = query.is("hasAggs") || having !== undefined ||
      query.list("groupClause").length > 0 || query.list("groupingSets").length > 0;
    const grouping = nulledByGrouping(query);
    return new Place({ scope, facts, outer, isGrouped, isBefore, grouping });
  }

  /** This place for an expression over the rows of FROM, such as an aggregate's argument. */
  get rows(): Place {
    if (!this.isGrouped) return this;
    return this.#rows ??= new Place(
      { ...this.#parts, isGrouped: false, grouping: NO_KEYS },
      this.#unassuming?.rows,
      this.assumptions,
    );
  }

  /**
   * Reports whether facts about the rows of FROM hold here. Without GROUP BY, and for an empty grouping
   * set, there is a result even of no rows; and other grouping sets make values NULL.
   */
  get keepsRowFacts(): boolean {
    return !this.isGrouped || this.grouping.size === 0 && hasFilledGroups(this.scope.query);
  }

  /** This place without facts of the current row alone, for the arguments of window functions. */
  get anyRow(): Place {
    return this.#unassuming ?? this;
  }

  /** Returns this place with expressions that are known not to be NULL. */
  knowing(expressions: Iterable<TreeNode>): Place {
    const facts = this.facts.copy();
    facts.learn(expressions, this.isGrouped);
    return this.#with(facts);
  }

  /** Returns this place with the facts that `change` adds. */
  supposing(change: (facts: Facts) => void): Place {
    const facts = this.facts.copy();
    change(facts);
    return this.#with(facts, this.assumptions + 1);
  }

  /** Returns the place `levels` queries further out; `undefined` when there are not as many. */
  outward(levels: number): Place | undefined {
    if (levels === 0) return this;
    return this.outer?.outward(levels - 1);
  }

  get #parts(): Parts {
    const { scope, facts, outer, isGrouped, isBefore, grouping } = this;
    return { scope, facts, outer, isGrouped, isBefore, grouping };
  }

  #with(facts: Facts, assumptions: number = this.assumptions): Place {
    return new Place({ ...this.#parts, facts }, this.anyRow, assumptions);
  }
}

const NO_KEYS: ReadonlySet<string> = new Set();

/** Returns the keys of the grouped expressions that are missing in at least one grouping set. */
function nulledByGrouping(query: TreeNode): ReadonlySet<string> {
  const sets = query.nodes("groupingSets");
  if (sets.length === 0) return NO_KEYS;
  const always = new Set(sets.flatMap((set) => [...alwaysIn(set)]));
  const targets = query.nodes("targetList");
  const nulled = query.nodes("groupClause").flatMap((clause) => {
    const reference = clause.number("tleSortGroupRef");
    if (always.has(reference)) return [];
    const target = targets.find((entry) => entry.number("ressortgroupref") === reference);
    return target?.node("expr")?.key ?? [];
  });
  return new Set(nulled);
}

/** Returns the references that each set of a grouping clause's element contains. */
function alwaysIn(set: TreeNode): ReadonlySet<number> {
  const kind = set.number("kind");
  if (kind === SIMPLE) return new Set(references(set));
  if (kind !== SETS) return new Set();
  const [first, ...others] = set.nodes("content").map(alwaysIn);
  return new Set([...first ?? []].filter((one) => others.every((other) => other.has(one))));
}

/** Reports whether a query's aggregates see at least one row: whether it has only filled groups. */
export function hasFilledGroups(query: TreeNode): boolean {
  const sets = query.nodes("groupingSets");
  if (sets.length === 0) return query.list("groupClause").length > 0;
  return sets.some((set) => !mayBeEmpty(set));
}

function mayBeEmpty(set: TreeNode): boolean {
  const kind = set.number("kind");
  if (kind === SIMPLE) return references(set).length === 0;
  return kind !== SETS || set.nodes("content").some(mayBeEmpty);
}

function references(set: TreeNode): readonly number[] {
  const [first] = set.list("content");
  if (first === "i") return set.numbers("content");
  return set.list("content").map(Number);
}

/** `GroupingSetKind` in parsenodes.h. */
const SIMPLE = 1;
const SETS = 4;

/** Returns a query's result expression at `index`, from 0. */
export function targetAt(query: TreeNode, index: number): TreeNode | undefined {
  return targetsOf(query)[index]?.node("expr");
}
