/** Puts the parts of the analysis together, for the tree of one statement. */
import type { Analysis, Assumption, Placed, QueryAt } from "./analysis.ts";
import type { Catalogue } from "./catalogue.ts";
import type { TreeNode } from "./node_text.ts";
import { expressionCanBeNull } from "./nullability.ts";
import { originsOf } from "./origins.ts";
import { Place } from "./place.ts";
import { queryColumnCanBeNull } from "./queries.ts";
import { Scope, targetsOf } from "./scope.ts";
import { StrictnessRules } from "./strictness.ts";
import { CTE, RELATION, SUBQUERY } from "./variables.ts";

/** Answers questions about one statement. */
export class Analyser implements Analysis {
  readonly catalogue: Catalogue;
  readonly strictness: StrictnessRules;
  readonly #nullableParameters: ReadonlySet<number>;
  readonly #scopes = new Map<TreeNode, Scope>();
  readonly #places = new Map<TreeNode, PlaceKnown[]>();
  /** The indexes of columns that are not NULL, of the places of which that is known. */
  readonly #known = new WeakMap<Place, ReadonlySet<number>>();
  /** Recursive CTEs whose columns were worked out, as far as no other's assumption went into it. */
  readonly #settled = new Map<TreeNode, QueryAt>();
  /** Recursive CTEs whose columns are being worked out, and what is taken of them. */
  readonly #assumptions = new Map<TreeNode, boolean[]>();

  /** `nullableParameters`: the numbers of the parameters that can be NULL; `$1` is 1. */
  constructor(catalogue: Catalogue, nullableParameters: ReadonlySet<number>) {
    this.catalogue = catalogue;
    this.strictness = new StrictnessRules((oid) => catalogue.isStrict(oid));
    this.#nullableParameters = nullableParameters;
  }

  canBeNull(expression: TreeNode, place: Place): boolean {
    return expressionCanBeNull(this, expression, place);
  }

  parameterCanBeNull(number: number): boolean {
    return !(number > 0) || this.#nullableParameters.has(number);
  }

  columnCanBeNull(query: TreeNode, index: number, place: Place): boolean {
    const known = this.#known.get(place) ?? NONE;
    if (known.has(index)) return false;
    const before = place.answers.get(index);
    if (before !== undefined) return before;
    const answer = queryColumnCanBeNull(this, query, index, place, known);
    if (this.#assumptions.size === 0) place.answers.set(index, answer);
    return answer;
  }

  placeOf(query: TreeNode, outer: Place | undefined, known: ReadonlySet<number> = NONE): Place {
    const key = [...known].sort((a, b) => a - b).join();
    const list = this.#places.get(query) ?? [];
    this.#places.set(query, list);
    const found = list.find((one) => one.outer === outer && one.key === key);
    if (found !== undefined && this.#assumptions.size === 0) return found.place;
    const place = this.#makePlace(query, outer, known);
    list.push({ outer, key, place });
    return place;
  }

  queryOf(relation: TreeNode, index: number, place: Place): QueryAt | Assumption | undefined {
    const known = new Set([...place.facts.columnsOf(index)].map((column) => column - 1));
    switch (relation.text("rtekind")) {
      case SUBQUERY: {
        const query = relation.node("subquery");
        return query && { query, place: this.placeOf(query, place, known) };
      }
      case CTE:
        return this.#commonTable(relation, place, known);
      case RELATION: {
        const query = this.catalogue.viewQuery(relation.number("relid"));
        return query && { query, place: this.placeOf(query, undefined, known) };
      }
      default:
        return undefined;
    }
  }

  origins(expression: TreeNode, place: Place): readonly Placed[] | undefined {
    return originsOf(this, expression, place);
  }

  #commonTable(
    relation: TreeNode,
    place: Place,
    known: ReadonlySet<number>,
  ): QueryAt | Assumption | undefined {
    const own = place.outward(relation.number("ctelevelsup"));
    const name = relation.text("ctename");
    const table = own?.scope.query.nodes("cteList").find((one) => one.text("ctename") === name);
    const query = table?.node("ctequery");
    if (own === undefined || table === undefined || query === undefined) return undefined;
    if (!table.is("cterecursive")) return { query, place: this.placeOf(query, own.rows, known) };
    const assumed = this.#assumptions.get(table);
    if (assumed !== undefined) return { assumed };
    return this.#settle(table, query, own.rows);
  }

  /** Begins with columns that are never NULL, and takes back what the query itself contradicts. */
  #settle(table: TreeNode, query: TreeNode, outer: Place): QueryAt {
    const known = this.#settled.get(table);
    if (known !== undefined) return known;
    const assumed: boolean[] = targetsOf(query).map(() => false);
    this.#assumptions.set(table, assumed);
    let place = this.#makePlace(query, outer, NONE);
    for (let before = ""; before !== assumed.join();) {
      before = assumed.join();
      this.#settled.clear();
      place = this.#makePlace(query, outer, NONE);
      for (const i of assumed.keys()) {
        assumed[i] ||= queryColumnCanBeNull(this, query, i, place, NONE);
      }
    }
    this.#assumptions.delete(table);
    this.#settled.clear();
    place = this.#makePlace(query, outer, NONE);
    assumed.forEach((nullable, i) => place.answers.set(i, nullable));
    const found = { query, place };
    this.#settled.set(table, found);
    return found;
  }

  #makePlace(query: TreeNode, outer: Place | undefined, known: ReadonlySet<number>): Place {
    const scope = this.#scopes.get(query) ?? new Scope(query);
    this.#scopes.set(query, scope);
    const place = Place.of(scope, this.strictness, outer);
    if (known.size === 0) return place;
    const targets = query.node("setOperations") ? [] : targetsOf(query);
    const values = [...known].flatMap((i) => targets[i]?.node("expr") ?? []);
    const parts = values.flatMap((value) => [...this.strictness.whenNotNull(value)]);
    const knowing = place.knowing(parts);
    this.#known.set(knowing, known);
    return knowing;
  }
}

interface PlaceKnown {
  readonly outer: Place | undefined;
  readonly key: string;
  readonly place: Place;
}

const NONE: ReadonlySet<number> = new Set();
