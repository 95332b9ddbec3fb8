/**
 * Finds what must not be NULL for a condition to be true or false, or for a value not to be NULL. All of it
 * follows from strict functions, which answer NULL when an argument is NULL, and from SQL's logic.
 */
import type { Strictness } from "./facts.ts";
import type { TreeNode } from "./node_text.ts";

type Nodes = ReadonlySet<TreeNode>;

const NOTHING: Nodes = new Set();

/** The rules, for a database whose strict functions `isStrict` knows by their OID. */
export class StrictnessRules implements Strictness {
  readonly #isStrict: (functionOid: number) => boolean;

  constructor(isStrict: (functionOid: number) => boolean) {
    this.#isStrict = isStrict;
  }

  /** Returns what is not NULL where a value is not: the value, and what strict functions take. */
  whenNotNull(value: TreeNode): Nodes {
    return union([
      new Set([value]),
      ...this.#strictParts(value).map((part) => this.whenNotNull(part)),
    ]);
  }

  /** Returns what is not NULL where a condition is true. */
  whenTrue(condition: TreeNode): Nodes {
    switch (condition.label) {
      case "BOOLEXPR":
        return this.#logic(condition, "and", (part) => this.whenTrue(part));
      case "NULLTEST":
        return condition.number("nulltesttype") === IS_NOT_NULL
          ? this.#argument(condition)
          : NOTHING;
      case "BOOLEANTEST":
        return this.#booleanTest(condition);
      case "SCALARARRAYOPEXPR":
        return this.#arrayComparison(condition);
      case "SUBLINK":
        return this.#sublink(condition);
      case "DISTINCTEXPR":
        return this.#distinct(condition, (constant) => constant.is("constisnull"));
      case "COALESCEEXPR":
        return this.#coalesced(condition);
      default:
        return this.whenNotNull(condition);
    }
  }

  /** Returns what is not NULL where a condition is false. */
  whenFalse(condition: TreeNode): Nodes {
    switch (condition.label) {
      case "BOOLEXPR":
        return this.#logic(condition, "or", (part) => this.whenFalse(part));
      case "NULLTEST":
        return condition.number("nulltesttype") === IS_NULL ? this.#argument(condition) : NOTHING;
      case "DISTINCTEXPR":
        return this.#distinct(condition, (constant) => !constant.is("constisnull"));
      case "BOOLEANTEST":
      case "SCALARARRAYOPEXPR":
      case "SUBLINK":
      case "COALESCEEXPR":
        return NOTHING;
      default:
        return this.whenNotNull(condition);
    }
  }

  /** Returns what is not NULL where a condition is false or NULL, as after a WHEN that did not hold. */
  whenNotTrue(condition: TreeNode): Nodes {
    switch (condition.label) {
      case "NULLTEST":
      case "DISTINCTEXPR":
        return this.whenFalse(condition);
      case "BOOLEXPR": {
        const parts = condition.nodes("args");
        const operator = condition.text("boolop");
        if (operator === "not") return parts[0] ? this.#whenNotFalse(parts[0]) : NOTHING;
        const each = parts.map((part) => this.whenNotTrue(part));
        return operator === "or" ? union(each) : intersection(each);
      }
      default:
        return NOTHING;
    }
  }

  #whenNotFalse(condition: TreeNode): Nodes {
    const isCertain = condition.label === "NULLTEST" || condition.label === "DISTINCTEXPR";
    return isCertain ? this.whenTrue(condition) : NOTHING;
  }

  /** AND is true when all parts are, OR is false when all parts are; `all` names which of them. */
  #logic(condition: TreeNode, all: "and" | "or", of: (part: TreeNode) => Nodes): Nodes {
    const parts = condition.nodes("args");
    const operator = condition.text("boolop");
    if (operator === "not") {
      if (parts[0] === undefined) return NOTHING;
      return all === "and" ? this.whenFalse(parts[0]) : this.whenTrue(parts[0]);
    }
    return operator === all ? union(parts.map(of)) : intersection(parts.map(of));
  }

  #argument(test: TreeNode): Nodes {
    const argument = test.node("arg");
    return argument ? this.whenNotNull(argument) : NOTHING;
  }

  #booleanTest(test: TreeNode): Nodes {
    const argument = test.node("arg");
    if (argument === undefined) return NOTHING;
    switch (test.number("booltesttype")) {
      case IS_TRUE:
        return this.whenTrue(argument);
      case IS_FALSE:
        return this.whenFalse(argument);
      case IS_NOT_UNKNOWN:
        return this.whenNotNull(argument);
      default:
        return NOTHING;
    }
  }

  /** `= ANY` is true for a value that is not NULL; `<> ALL` of an empty array is true for NULL, too. */
  #arrayComparison(condition: TreeNode): Nodes {
    const [value, array] = condition.nodes("args");
    if (!value || !array || !this.#isStrict(condition.number("opfuncid"))) return NOTHING;
    const isFilled = array.label === "ARRAYEXPR" && array.list("elements").length > 0;
    const parts = condition.is("useOr") || isFilled ? [value, array] : [array];
    return union(parts.map((part) => this.whenNotNull(part)));
  }

  /** `x in (select …)` is true for an `x` that is not NULL. */
  #sublink(sublink: TreeNode): Nodes {
    if (sublink.number("subLinkType") !== ANY_SUBLINK) return NOTHING;
    const test = sublink.node("testexpr");
    return test ? this.whenTrue(test) : NOTHING;
  }

  #distinct(condition: TreeNode, applies: (constant: TreeNode) => boolean): Nodes {
    const [left, right] = condition.nodes("args");
    if (!left || !right) return NOTHING;
    if (right.label === "CONST" && applies(right)) return this.whenNotNull(left);
    return left.label === "CONST" && applies(left) ? this.whenNotNull(right) : NOTHING;
  }

  /** `coalesce(condition, false)` is true only when the condition is. */
  #coalesced(condition: TreeNode): Nodes {
    const [first, ...others] = condition.nodes("args");
    const isFalse = (node: TreeNode): boolean =>
      node.label === "CONST" && (node.is("constisnull") || node.bytes("constvalue")?.[0] === 0);
    return first && others.every(isFalse) ? this.whenTrue(first) : NOTHING;
  }

  /** Returns the parts that make an expression NULL when they are. */
  #strictParts(value: TreeNode): readonly TreeNode[] {
    switch (value.label) {
      case "FUNCEXPR":
        return this.#arguments(value, "funcid", "funcretset");
      case "OPEXPR":
        return this.#arguments(value, "opfuncid", "opretset");
      case "NULLIFEXPR":
        return value.nodes("args").slice(0, 1);
      case "RELABELTYPE":
      case "COERCEVIAIO":
      case "ARRAYCOERCEEXPR":
      case "CONVERTROWTYPEEXPR":
      case "COLLATEEXPR":
      case "COERCETODOMAIN":
      case "FIELDSELECT":
      case "NAMEDARGEXPR":
        return [value.node("arg")].filter((part) => part !== undefined);
      case "SUBSCRIPTINGREF":
        return value.node("refassgnexpr") ? [] : [value.node("refexpr")].filter((part) => !!part);
      case "BOOLEXPR":
        return value.text("boolop") === "not" ? value.nodes("args") : [];
      default:
        return [];
    }
  }

  #arguments(call: TreeNode, oid: string, isSet: string): readonly TreeNode[] {
    return !call.is(isSet) && this.#isStrict(call.number(oid)) ? call.nodes("args") : [];
  }
}

/** `NullTestType`, `BoolTestType` and `SubLinkType` in primnodes.h. */
const IS_NULL = 0;
const IS_NOT_NULL = 1;
const IS_TRUE = 0;
const IS_FALSE = 2;
const IS_NOT_UNKNOWN = 5;
const ANY_SUBLINK = 2;

function union(sets: readonly Nodes[]): Nodes {
  return new Set(sets.flatMap((set) => [...set]));
}

/** By what the expressions compute: each part of the tree has nodes of its own. */
function intersection(sets: readonly Nodes[]): Nodes {
  const [first = NOTHING, ...others] = sets;
  const keys = others.map((set) => new Set([...set].map((node) => node.key)));
  return new Set([...first].filter((node) => keys.every((set) => set.has(node.key))));
}
