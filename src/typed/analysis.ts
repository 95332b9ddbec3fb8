/**
 * The questions that the parts of the analysis ask one another. Each part is a file; `analyser.ts`
 * puts them together.
 */
import type { Catalogue } from "./catalogue.ts";
import type { TreeNode } from "./node_text.ts";
import type { Place } from "./place.ts";
import type { StrictnessRules } from "./strictness.ts";

/** An expression and where it stands. */
export interface Placed {
  readonly expression: TreeNode;
  readonly place: Place;
}

/** The analysis of one statement's tree. */
export interface Analysis {
  readonly catalogue: Catalogue;
  readonly strictness: StrictnessRules;
  /** Reports whether an expression can be NULL; yes, unless it is known that it cannot. */
  canBeNull(expression: TreeNode, place: Place): boolean;
  /** Reports whether the parameter `$number` can be NULL. */
  parameterCanBeNull(number: number): boolean;
  /** Reports whether a query's column at `index`, from 0, can be NULL. */
  columnCanBeNull(query: TreeNode, index: number, place: Place): boolean;
  /**
   * Returns the place of a query's result. `outer` is the place where the query stands; `known` has
   * the indexes of columns that are not NULL in the rows of interest.
   */
  placeOf(query: TreeNode, outer: Place | undefined, known?: ReadonlySet<number>): Place;
  /** Returns the relation's query and its place, where the relation is a subquery, CTE or view. */
  queryOf(relation: TreeNode, index: number, place: Place): QueryAt | Assumption | undefined;
  /**
   * Returns the expressions from one of which a value comes: through subqueries, CTEs, joins, views
   * and set operations; `undefined` when that is not known. An expression that stands for no other
   * is returned as it is.
   */
  origins(expression: TreeNode, place: Place): readonly Placed[] | undefined;
}

/** A query and the place of its result. */
export interface QueryAt {
  readonly query: TreeNode;
  readonly place: Place;
}

/** The columns of a recursive CTE within itself: which of them are taken to be NULL-able. */
export interface Assumption {
  readonly assumed: readonly boolean[];
}
