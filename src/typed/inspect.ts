/** Inspects statements: their parameters and columns, with types and whether each can be NULL. */
import type { Queryable } from "../queryable.ts";
import type { DatabaseError } from "../errors/errors.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import type { StatementDescription } from "../query/query.ts";
import { quoteIdentifier } from "../query/quote.ts";
import { Analyser } from "./analyser.ts";
import { Catalogue } from "./catalogue.ts";
import { loadCatalogue, noReferences, type References } from "./catalogue_queries.ts";
import { type DescribedType, describeType } from "./described_type.ts";
import { dimensionsOf, originsHaveNull } from "./elements.ts";
import type { JsonShape } from "./json_shape.ts";
import { isJson, jsonShapeOf } from "./json_shapes.ts";
import type { TreeNode } from "./node_text.ts";
import { ofColumn } from "./origins.ts";
import { nullableParameters } from "./parameters.ts";
import { analyse, type Analysed, describeAll, type Described, TOO_DEEP } from "./statements.ts";

/** Options of {@linkcode inspect}. */
export interface InspectOptions {
  /**
   * Functions that never return NULL to arguments that are not NULL, by `name` or `schema.name`.
   * PostgreSQL's own are known.
   */
  readonly neverNull?: readonly string[] | undefined;
  /**
   * Whether a column of a NOT NULL domain is taken not to be NULL; default `false`. PostgreSQL does
   * not keep NULL out of such a column in all cases (manual, CREATE DOMAIN, Notes).
   */
  readonly trustDomains?: boolean | undefined;
}

/** One statement, inspected. */
export interface Inspection {
  /** The statement. */
  readonly text: string;
  /** The parameters, `$1` first. */
  readonly parameters: readonly InspectedParameter[];
  /** The columns of its result; none when it returns no rows. */
  readonly columns: readonly InspectedColumn[];
  /**
   * `tree`: PostgreSQL has analysed the statement. `describe`: there is no tree, and each column and
   * parameter is taken to be nullable; {@linkcode Inspection.reason} says why.
   */
  readonly basis: "tree" | "describe";
  /** Why there is no tree. */
  readonly reason?: string;
  /** Why the server refuses the statement, with the position in the text. */
  readonly error?: DatabaseError;
}

/** A parameter of a statement. */
export interface InspectedParameter {
  /** The OID of its type. */
  readonly oid: number;
  /** The type, with all that it consists of. */
  readonly type: DescribedType;
  /** Whether NULL makes sense for it. */
  readonly nullable: boolean;
}

/** A column of a statement's result. */
export interface InspectedColumn {
  /** The name; several columns can have the same. */
  readonly name: string;
  /** The OID of its type; a domain's column has the OID of the type under it. */
  readonly oid: number;
  /** The type, with all that it consists of. */
  readonly type: DescribedType;
  /** Whether it can be NULL. */
  readonly nullable: boolean;
  /** Whether the elements of an array can be NULL; absent for other types. */
  readonly elementsNullable?: boolean;
  /** How many dimensions an array has, where that is known to be more than one. */
  readonly dimensions?: number;
  /** The shape of json and jsonb, where the statement says it. */
  readonly json?: JsonShape;
  /** The table's column that it is, where it is one. */
  readonly source?: { readonly schema: string; readonly table: string; readonly column: string };
}

/**
 * Inspects statements, without running them. PostgreSQL describes and analyses each; the results are
 * in the order of `texts`. Needs PostgreSQL 14 or later, the right to create temporary objects and a
 * server that accepts writes; otherwise each result is of the basis `describe`. Within a transaction,
 * a statement with an error fails it: give a connection or a pool.
 *
 * @throws {DatabaseError} the connection failed, or the catalogue cannot be read.
 *
 * @example
 * ```ts
 * import { inspect, typescriptOf } from "@cornac/pg/typed";
 *
 * const [found] = await inspect(db, ["select id, email from users where id = $1"]);
 * typescriptOf(found!).row; // → "{ id: number; email: string | null }"
 * ```
 */
export async function inspect(
  db: Queryable,
  texts: readonly string[],
  options: InspectOptions = {},
): Promise<Inspection[]> {
  const described = await describeAll(db, texts);
  const catalogue = new Catalogue({
    neverNull: new Set(options.neverNull),
    domains: options.trustDomains ?? false,
  });
  await loadCatalogue(db, catalogue, described.reduce(addDescription, noReferences()));
  const analysed = await Promise.all(described.map((one) => analysedTree(db, one, catalogue)));
  const references = noReferences();
  for (const one of analysed) if ("references" in one) merge(one.references, references);
  await loadCatalogue(db, catalogue, references);
  return described.map((one, i) => inspection(one, analysed[i]!, catalogue));
}

function merge(from: References, to: References): void {
  for (const kind of ["relations", "functions", "types"] as const) {
    for (const oid of from[kind]) to[kind].add(oid);
  }
}

function addDescription(to: References, { description }: Described): References {
  for (const oid of description?.parameterTypes ?? []) to.types.add(oid);
  for (const column of description?.columns ?? []) {
    to.types.add(column.typeOid);
    if (column.tableOid > 0) to.relations.add(column.tableOid);
  }
  return to;
}

async function analysedTree(
  db: Queryable,
  { text, description }: Described,
  catalogue: Catalogue,
): Promise<Analysed> {
  if (description === undefined) return { reason: "the server refuses it" };
  const types = description.parameterTypes.map((oid) => catalogue.types.get(oid));
  if (types.includes(undefined)) return { reason: "a parameter's type is not known" };
  return await analyse(db, text, types.map((type) => quoteIdentifier(type!.schema, type!.name)));
}

function inspection(
  { text, description, error }: Described,
  analysed: Analysed,
  catalogue: Catalogue,
): Inspection {
  if (description === undefined) {
    return { text, parameters: [], columns: [], basis: "describe", error };
  }
  if (!("tree" in analysed)) return untyped(text, description, catalogue, analysed.reason);
  try {
    return typed(text, description, catalogue, analysed.tree);
  } catch (cause) {
    // Deeper nested than the stack has room for.
    if (!(cause instanceof RangeError)) throw cause;
    return untyped(text, description, catalogue, TOO_DEEP);
  }
}

function untyped(
  text: string,
  { parameterTypes, columns }: StatementDescription,
  catalogue: Catalogue,
  reason: string,
): Inspection {
  const parameters = parameterTypes
    .map((oid) => ({ oid, type: describeType(catalogue, oid), nullable: true }));
  const described = columns.map((column) => ({
    ...plainColumn(column, catalogue),
    nullable: true,
  }));
  return { text, parameters, columns: described, basis: "describe", reason };
}

function plainColumn(
  { name, typeOid, tableOid, attributeNumber }: ColumnDescription,
  catalogue: Catalogue,
): Omit<InspectedColumn, "nullable"> {
  const relation = catalogue.relations.get(tableOid);
  const column = relation?.columns.find((one) => one.number === attributeNumber);
  const source = relation && column &&
    { schema: relation.schema, table: relation.name, column: column.name };
  return { name, oid: typeOid, type: describeType(catalogue, typeOid), ...(source && { source }) };
}

function typed(
  text: string,
  { parameterTypes, columns }: StatementDescription,
  catalogue: Catalogue,
  tree: TreeNode,
): Inspection {
  const canBeNull = nullableParameters(tree, catalogue);
  const analyser = new Analyser(catalogue, canBeNull);
  const parameters = parameterTypes.map((oid, i) => ({
    oid,
    type: describeType(catalogue, oid),
    nullable: canBeNull.has(i + 1),
  }));
  const described = columns.map((column, i) => typedColumn(column, i, analyser, tree));
  return { text, parameters, columns: described, basis: "tree" };
}

function typedColumn(
  column: ColumnDescription,
  index: number,
  analyser: Analyser,
  tree: TreeNode,
): InspectedColumn {
  const place = analyser.placeOf(tree, undefined);
  const nullable = analyser.columnCanBeNull(tree, index, place);
  const found = { ...plainColumn(column, analyser.catalogue), nullable };
  if (found.type.kind === "array") {
    const origins = ofColumn(analyser, tree, index, place);
    const elementsNullable = originsHaveNull(analyser, origins) !== false;
    const dimensions = dimensionsOf(analyser, origins);
    return { ...found, elementsNullable, ...(dimensions > 1 && { dimensions }) };
  }
  if (!isJson(column.typeOid)) return found;
  const json = jsonShapeOf(analyser, ofColumn(analyser, tree, index, place));
  return json.kind === "unknown" || json.kind === "never" ? found : { ...found, json };
}
