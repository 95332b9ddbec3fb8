/**
 * The method that sqlx has: a column is NULL-able if its table's is, or if an outer join of the plan
 * makes it so. Source: sqlx-postgres/src/connection/describe.rs, `visit_plan`.
 */
import { type Connection, DatabaseError } from "../../mod.ts";

interface Plan {
  readonly "Join Type"?: string;
  readonly "Parent Relationship"?: string;
  readonly Output?: readonly string[];
  readonly Plans?: readonly Plan[];
}

/** Returns which columns are nullable by their tables alone; `undefined` for a refused text. */
export async function byTable(db: Connection, text: string): Promise<boolean[] | undefined> {
  try {
    const { columns } = await db.query(text, [], { prepare: false }).describe();
    return await Promise.all(columns.map(async ({ tableOid, attributeNumber }) => {
      if (tableOid === 0) return true;
      const found = "select attnotnull from pg_attribute where attrelid = $1 and attnum = $2";
      const [row] = await db.query<{ attnotnull: boolean }>(found, [tableOid, attributeNumber]);
      return row?.attnotnull !== true;
    }));
  } catch (error) {
    if (error instanceof DatabaseError) return undefined;
    throw error;
  }
}

/** Returns which columns are nullable by their tables and the plan. */
export async function byPlan(db: Connection, text: string): Promise<boolean[] | undefined> {
  const columns = await byTable(db, text);
  if (columns === undefined) return undefined;
  try {
    const explain = `explain (verbose, format json, generic_plan) ${text}`;
    const [found] = await db.query<{ "QUERY PLAN": [{ Plan: Plan }] }>(explain).simple();
    const { Plan: plan } = found!["QUERY PLAN"][0];
    const nulled = new Set<string>();
    visit(plan, nulled);
    return columns.map((nullable, i) => nullable || nulled.has(plan.Output?.[i] ?? ""));
  } catch (error) {
    if (error instanceof DatabaseError) return columns;
    throw error;
  }
}

/** Adds the outputs of the sides that outer joins make NULL. */
function visit(plan: Plan, nulled: Set<string>): void {
  const sides: Readonly<Record<string, readonly string[]>> = {
    Left: ["Inner"],
    Right: ["Outer"],
    Full: ["Inner", "Outer"],
  };
  const missing = sides[plan["Join Type"] ?? ""] ?? [];
  for (const child of plan.Plans ?? []) {
    if (missing.includes(child["Parent Relationship"] ?? "")) {
      for (const output of child.Output ?? []) nulled.add(output);
    }
    visit(child, nulled);
  }
}
