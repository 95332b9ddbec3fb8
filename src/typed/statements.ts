/**
 * Describes statements, and has PostgreSQL analyse them: a function with a body BEGIN ATOMIC keeps
 * the analysed statement in `pg_proc.prosqlbody`. The function is made and dropped in one message, so
 * that nothing stays behind; the statement is never run.
 */
import type { Queryable } from "../queryable.ts";
import { DatabaseError } from "../errors/errors.ts";
import type { StatementDescription } from "../query/query.ts";
import { addReferences, noReferences, onlyQuery, type References } from "./catalogue_queries.ts";
import type { TreeNode } from "./node_text.ts";

/** One statement as the server describes it. */
export interface Described {
  readonly text: string;
  readonly description: StatementDescription | undefined;
  /** Why the server refuses the statement. */
  readonly error: DatabaseError | undefined;
}

/** Describes statements, each in a message of its own, all at once. */
export async function describeAll(db: Queryable, texts: readonly string[]): Promise<Described[]> {
  return await Promise.all(texts.map(async (text) => {
    try {
      const description = await db.query(text, [], { prepare: false }).describe();
      return { text, description, error: undefined };
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      return { text, description: undefined, error };
    }
  }));
}

/** A statement's tree, or why there is none. */
export type Analysed =
  | { readonly tree: TreeNode; readonly references: References }
  | { readonly reason: string };

/** Why there is no tree where the stack has no room for it. */
export const TOO_DEEP = "the statement is nested too deeply";

/**
 * Returns a statement's tree. `typeNames` are the qualified names of its parameters' types. The text
 * must have been described before, so that it is known to be a single statement.
 */
export async function analyse(
  db: Queryable,
  text: string,
  typeNames: readonly string[],
): Promise<Analysed> {
  const script = `create function pg_temp.cornac_typed(${typeNames.join(", ")})
returns pg_catalog.void language sql begin atomic
${text}
;end;
${READ};
drop function pg_temp.cornac_typed`;
  try {
    const [, found] = await db.query(script, [], { rows: "array" }).simple().all();
    const [[body] = []] = [...found ?? []] as unknown as string[][];
    const tree = body === undefined ? undefined : onlyQuery(body);
    if (tree === undefined) return { reason: "the statement is not a single query" };
    const references = noReferences();
    addReferences(tree, references);
    return { tree, references };
  } catch (error) {
    if (error instanceof DatabaseError) return { reason: error.message };
    if (error instanceof RangeError) return { reason: TOO_DEEP };
    throw error;
  }
}

/** The tree of the statement that stands in the body of the function. */
export const READ: string = `select p.prosqlbody::pg_catalog.text from pg_catalog.pg_proc p
where p.proname operator(pg_catalog.=) 'cornac_typed'::pg_catalog.name
  and p.pronamespace operator(pg_catalog.=) pg_catalog.pg_my_temp_schema()`;
