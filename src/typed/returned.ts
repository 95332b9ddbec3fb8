/** Columns of the table that a statement changes, as RETURNING sees them. */
import type { Analysis } from "./analysis.ts";
import type { TreeNode } from "./node_text.ts";
import { Place } from "./place.ts";
import { DELETE, INSERT, MERGE, UPDATE } from "./scope.ts";

/** Reports whether the relation at `index` is the one that the place's statement changes. */
export function isTarget(place: Place, index: number): boolean {
  return place.scope.query.number("resultRelation") === index;
}

/** Reports whether rows of a MERGE's source can be missing: there is WHEN NOT MATCHED BY SOURCE. */
export function sourceCanBeMissing(place: Place): boolean {
  const { query } = place.scope;
  return query.text("commandType") === MERGE &&
    query.nodes("mergeActionList").some((one) =>
      one.text("matchKind") !== MATCHED &&
      one.text("matchKind") !== NOT_MATCHED_BY_TARGET
    );
}

/** `MergeMatchKind` in primnodes.h. */
const MATCHED = "0";
const NOT_MATCHED_BY_TARGET = "2";

/** Reports whether a column of the changed table can be NULL in RETURNING. */
export function returnedCanBeNull(
  all: Analysis,
  node: TreeNode,
  place: Place,
  relation: TreeNode,
): boolean {
  const version = VERSIONS[node.text("varreturningtype") ?? "0"] ?? "unknown";
  if (!hasVersion(place.scope.query, version)) return true;
  const column = node.number("varattno");
  const changes = all.catalogue.changes(relation.number("relid"));
  if (changes === undefined || changes.isReplaced) return true;
  if (column === 0) return false;
  if (all.catalogue.columnIsNotNull(relation, column) === true) return false;
  const command = place.scope.query.text("commandType");
  if (column < 0 || changes.generated.has(column)) return true;
  if (command === DELETE || version === "old") return unchangedCanBeNull(all, node, place);
  if (changes.hasTriggers) return true;
  return command === UPDATE || command === INSERT
    ? storedCanBeNull(all, node, place, command)
    : true;
}

type Version = "default" | "old" | "new" | "unknown";

/** `VarReturningType` in primnodes.h. */
const VERSIONS: Readonly<Record<string, Version>> = { 0: "default", 1: "old", 2: "new" };

/** Reports whether each returned row has the version of which a column is asked. */
function hasVersion(query: TreeNode, version: Version): boolean {
  const command = query.text("commandType");
  const actions = query.nodes("mergeActionList").map((one) => one.text("commandType"));
  switch (version) {
    case "default":
      return true;
    case "old":
      return command === MERGE ? !actions.includes(INSERT) : command !== INSERT;
    case "new":
      return command === MERGE ? !actions.includes(DELETE) : command !== DELETE;
    default:
      return false;
  }
}

/** A row before the statement: WHERE is about it, except that of MERGE, which has no facts. */
function unchangedCanBeNull(all: Analysis, node: TreeNode, place: Place): boolean {
  const before = Place.of(place.scope, all.strictness, place.outer, true);
  return !before.facts.ofRow(node.with("varreturningtype", "0")) && !before.facts.ofRow(node);
}

/** A row after INSERT or UPDATE: the value that is assigned, or the one from before. */
function storedCanBeNull(
  all: Analysis,
  node: TreeNode,
  place: Place,
  command: string,
): boolean {
  const { query } = place.scope;
  if (query.node("onConflict")?.text("action") === ON_CONFLICT_UPDATE) return true;
  const column = node.number("varattno");
  const target = query.nodes("targetList")
    .find((entry) => !entry.is("resjunk") && entry.number("resno") === column);
  if (target === undefined) {
    return command === INSERT || unchangedCanBeNull(all, node, place);
  }
  const expression = target.node("expr");
  const before = Place.of(place.scope, all.strictness, place.outer, true);
  return expression === undefined || all.canBeNull(expression, before);
}

const ON_CONFLICT_UPDATE = "2";
