/**
 * Aggregates and window functions. An aggregate is NULL over no rows; window functions look at other
 * rows than the current one, so that facts of the current row do not help them.
 */
import type { Analysis } from "./analysis.ts";
import { FILLED_AGGREGATES, NEVER_NULL_AGGREGATES } from "./never_null.ts";
import type { TreeNode } from "./node_text.ts";
import { hasFilledGroups, type Place } from "./place.ts";

/** Reports whether an aggregate can be NULL. */
export function aggregateCanBeNull(all: Analysis, node: TreeNode, place: Place): boolean {
  const oid = node.number("aggfnoid");
  if (NEVER_NULL_AGGREGATES.has(oid)) return false;
  const own = place.outward(node.number("agglevelsup"));
  if (own === undefined || node.node("aggfilter") || !hasFilledGroups(own.scope.query)) return true;
  const { rows } = own;
  return !isFilled(oid, argumentsOf(node).map((part) => all.canBeNull(part, rows))) ||
    node.nodes("aggdirectargs").some((part) => all.canBeNull(part, own));
}

/** Returns the expressions that an aggregate is of. */
export function argumentsOf(aggregate: TreeNode): readonly TreeNode[] {
  return aggregate.nodes("args").filter((entry) => !entry.is("resjunk"))
    .map((entry) => entry.node("expr")).filter((part) => part !== undefined);
}

/** Returns the place of an aggregate's arguments, where its FILTER holds. */
export function argumentPlace(all: Analysis, aggregate: TreeNode, place: Place): Place | undefined {
  const own = place.outward(aggregate.number("agglevelsup"))?.rows;
  const filter = aggregate.node("aggfilter");
  return own && filter ? own.knowing(all.strictness.whenTrue(filter)) : own;
}

/** Reports whether an aggregate over at least one row has a value. */
function isFilled(oid: number, areNullable: readonly boolean[]): boolean {
  const needed = FILLED_AGGREGATES.get(oid);
  if (needed === undefined) return false;
  return needed === "rows" || areNullable.every((nullable) => !nullable);
}

/** Reports whether a window function can be NULL. */
export function windowFunctionCanBeNull(all: Analysis, node: TreeNode, place: Place): boolean {
  const oid = node.number("winfnoid");
  if (NEVER_NULL_AGGREGATES.has(oid) || RANKS.has(oid)) return false;
  const others = place.anyRow;
  const nullable = node.nodes("args").map((part) => all.canBeNull(part, others));
  if (oid === NTILE) return nullable.some((one) => one);
  if (LAG_WITH_DEFAULT.has(oid)) return nullable.some((one) => one);
  if (node.node("aggfilter") || !framesHoldCurrentRow(node, place)) return true;
  if (oid === FIRST_VALUE || oid === LAST_VALUE) return nullable[0] !== false;
  return !isFilled(oid, nullable);
}

/** `row_number`, `rank`, `dense_rank`, `percent_rank`, `cume_dist`. Source: pg_proc.dat. */
const RANKS: ReadonlySet<number> = new Set([3100, 3101, 3102, 3103, 3104]);
const NTILE = 3105;
/** `lag` and `lead` with a default for rows that are not there. */
const LAG_WITH_DEFAULT: ReadonlySet<number> = new Set([3108, 3111]);
const FIRST_VALUE = 3112;
const LAST_VALUE = 3113;

/** Reports whether each frame has its own row in it, as the default one does. */
function framesHoldCurrentRow(node: TreeNode, place: Place): boolean {
  const reference = node.number("winref");
  const clause = place.scope.query.nodes("windowClause")
    .find((one) => one.number("winref") === reference);
  const options = clause?.number("frameOptions") ?? NaN;
  return (options & (START_UNBOUNDED | START_CURRENT)) !== 0 &&
    (options & (END_UNBOUNDED | END_CURRENT)) !== 0 && (options & EXCLUDES_CURRENT) === 0;
}

/** `FRAMEOPTION_…` in parsenodes.h. */
const START_UNBOUNDED = 0x00020;
const END_UNBOUNDED = 0x00100;
const START_CURRENT = 0x00200;
const END_CURRENT = 0x00400;
const EXCLUDES_CURRENT = 0x08000 | 0x10000;
