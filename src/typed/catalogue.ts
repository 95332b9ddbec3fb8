/**
 * The part of a database that the analysis knows: relations, functions and types. `catalogue_queries.ts` asks
 * the server; this file answers questions.
 */
import { FIRST_NORMAL_OID, isBuiltin } from "./oids.ts";
import { type NodeValue, TreeNode } from "./node_text.ts";

/** A relation's column. */
export interface RelationColumn {
  readonly number: number;
  readonly name: string;
  readonly typeOid: number;
  /** Whether the table's own rows have a value, whatever inherits from it. */
  readonly isNotNullAlone: boolean;
  /** Whether rows of the table and of all that inherit from it have a value. */
  readonly isNotNull: boolean;
  readonly isGenerated: boolean;
}

/** A table, view or another relation. */
export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** `pg_class.relkind`: `r` table, `v` view, `m` materialized view, `f` foreign, `p` partitioned. */
  readonly kind: string;
  readonly typeOid: number;
  /** Whether rules or INSTEAD OF triggers stand in place of statements that change it. */
  readonly isReplaced: boolean;
  /** Whether a BEFORE trigger for each row can change what is stored. */
  readonly hasTriggers: boolean;
  readonly columns: readonly RelationColumn[];
  /** The query of a view. */
  readonly query: TreeNode | undefined;
}

/** A function. */
export interface KnownFunction {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly isStrict: boolean;
  readonly isVolatile: boolean;
}

/** A type, with the types that it consists of by their OIDs. */
export interface KnownType {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind:
    | "base"
    | "enum"
    | "domain"
    | "composite"
    | "range"
    | "multirange"
    | "array"
    | "pseudo";
  readonly isNotNull: boolean;
  readonly labels: readonly string[];
  readonly elementOid: number;
  readonly baseOid: number;
  readonly rangeSubtypeOid: number;
  readonly rangeOid: number;
  readonly attributes: readonly { readonly name: string; readonly oid: number }[];
  /** Whether `to_json()` uses a cast of the type's own. */
  readonly hasJsonCast: boolean;
}

/** How a table is changed by statements. */
export interface Changes {
  readonly isReplaced: boolean;
  readonly hasTriggers: boolean;
  /** Columns that are computed from others. */
  readonly generated: ReadonlySet<number>;
}

/** Promises that the catalogue does not contain. */
export interface Trust {
  /** Functions that never return NULL to arguments that are not NULL: `name` or `schema.name`. */
  readonly neverNull: ReadonlySet<string>;
  /** Whether columns of NOT NULL domains are taken not to be NULL. */
  readonly domains: boolean;
}

/** The relations, functions and types of one database that statements refer to. */
export class Catalogue {
  readonly relations: Map<number, Relation> = new Map();
  readonly functions: Map<number, KnownFunction> = new Map();
  readonly types: Map<number, KnownType> = new Map();
  readonly #trust: Trust;

  constructor(trust: Trust) {
    this.#trust = trust;
  }

  /**
   * Reports whether a table's column always has a value; `undefined` for a view, whose query says.
   * A materialized view's rows may be older than the constraints of its tables.
   */
  columnIsNotNull(entry: TreeNode, number: number): boolean | undefined {
    const relation = this.relations.get(entry.number("relid"));
    if (relation === undefined) return false;
    if (relation.kind === "v") return undefined;
    if (number < 0) return relation.kind === "r";
    const column = relation.columns.find((one) => one.number === number);
    if (column === undefined) return false;
    // A partitioned table has no rows of its own; INSERT names it without its partitions.
    const isFamily = entry.is("inh") || relation.kind === "p";
    const isNotNull = isFamily ? column.isNotNull : column.isNotNullAlone;
    return isNotNull || this.#trust.domains && this.isNotNullDomain(column.typeOid);
  }

  /** Reports whether storing NULL in a column fails; a view's columns take what their tables do. */
  refusesNull(entry: TreeNode, number: number): boolean {
    const relation = this.relations.get(entry.number("relid"));
    const column = relation?.columns.find((one) => one.number === number);
    return column !== undefined &&
      (column.isNotNullAlone || this.isNotNullDomain(column.typeOid));
  }

  /** Returns a view's query. */
  viewQuery(oid: number): TreeNode | undefined {
    return this.relations.get(oid)?.query;
  }

  /** Returns how statements change a table; `undefined` when nothing is known of it. */
  changes(oid: number): Changes | undefined {
    const relation = this.relations.get(oid);
    if (relation === undefined) return undefined;
    const generated = relation.columns.filter((one) => one.isGenerated).map((one) => one.number);
    const { isReplaced, hasTriggers } = relation;
    // A view's row comes back from its table; what that one's triggers do is not looked into.
    return {
      isReplaced,
      hasTriggers: hasTriggers || relation.kind === "v",
      generated: new Set(generated),
    };
  }

  /** Reports whether a function returns NULL when an argument is NULL. */
  isStrict(oid: number): boolean {
    return this.functions.get(oid)?.isStrict ?? false;
  }

  /** Reports whether the user has named a function as one that never returns NULL. */
  isDeclaredNeverNull(oid: number): boolean {
    const found = this.functions.get(oid);
    if (found === undefined || this.#trust.neverNull.size === 0) return false;
    const { neverNull } = this.#trust;
    return neverNull.has(found.name) || neverNull.has(`${found.schema}.${found.name}`);
  }

  /** Reports whether an expression comes to the same each time in one row of one statement. */
  isRepeatable(value: NodeValue): boolean {
    if (Array.isArray(value)) return value.every((item) => this.isRepeatable(item));
    if (!(value instanceof TreeNode)) return true;
    for (const field of ["funcid", "opfuncid", "aggfnoid"]) {
      const oid = value.text(field);
      if (oid !== undefined && !this.#isStable(Number(oid))) return false;
    }
    if (value.label === "SUBLINK" || value.label === "NEXTVALUEEXPR") return false;
    return [...value.values].every((field) => this.isRepeatable(field));
  }

  /** Built-in functions alone are trusted to be declared as they are. */
  #isStable(oid: number): boolean {
    const found = this.functions.get(oid);
    return oid < FIRST_NORMAL_OID && found !== undefined && !found.isVolatile;
  }

  /** Reports whether a type is a domain over which NULL is refused. */
  isNotNullDomain(oid: number): boolean {
    const type = this.types.get(oid);
    return type?.kind === "domain" && (type.isNotNull || this.isNotNullDomain(type.baseOid));
  }

  /** Reports whether a type reads each text as a value: PostgreSQL's own, and what is made of them. */
  readsText(oid: number): boolean {
    const kind = this.types.get(oid)?.kind;
    return isBuiltin(oid) || kind !== undefined && kind !== "base" && kind !== "pseudo";
  }

  /** Reports whether a type has columns of its own, or may have. */
  isComposite(oid: number): boolean {
    const type = this.baseType(oid);
    return type === undefined || type.kind === "composite" || type.kind === "pseudo";
  }

  /** Returns a type, of a domain the type under it. */
  baseType(oid: number): KnownType | undefined {
    const type = this.types.get(oid);
    return type?.kind === "domain" ? this.baseType(type.baseOid) : type;
  }
}
