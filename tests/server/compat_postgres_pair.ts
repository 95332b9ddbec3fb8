/** Calls on both postgres.js and the entry point in its shape, and the visible parts of the outcome. */
import real from "postgres";
import ours, { type Options, type Sql } from "../../src/compat/postgres/postgres.ts";
import { sharedServer } from "../_kit/servers.ts";

/** A call. */
export type Call = (sql: Sql) => unknown;

/** Both clients of the shared server. */
export interface Pair {
  readonly real: Sql;
  readonly ours: Sql;
}

/** Both modules. */
export const MODULES: readonly (readonly [name: string, make: (options: Options) => Sql])[] = [
  ["postgres.js", real as unknown as (options: Options) => Sql],
  ["cornac", ours],
];

/** Calls `work` with both clients, and ends them. */
export async function withPair(
  work: (pair: Pair) => Promise<void>,
  options: Options = {},
): Promise<void> {
  const { host, port } = await sharedServer();
  const login = { host, port, user: "postgres", database: "postgres", max: 1, onnotice: () => {} };
  const [one, other] = MODULES.map(([, make]) => make({ ...login, ...options })) as [Sql, Sql];
  try {
    await work({ real: one, ours: other });
  } finally {
    await Promise.all([one.end({ timeout: 1 }), other.end({ timeout: 1 })]);
  }
}

/** Returns what can be seen of a call's outcome, in a form that can be compared. */
export async function outcomeOf(sql: Sql, call: Call): Promise<unknown> {
  try {
    return seen(await call(sql));
  } catch (error) {
    return failureSeen(error);
  }
}

/** Returns what can be seen of a value: its class, and of a result its facts. */
export function seen(value: unknown): unknown {
  if (typeof value === "number" && Number.isNaN(value)) return "NaN";
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "function") return "function";
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return `Date ${value.getTime()}`;
  if (value instanceof Uint8Array) return `${value.constructor.name} ${[...value]}`;
  if (Array.isArray(value) && "command" in value) return resultSeen(value);
  if (Array.isArray(value)) return value.map(seen).map(ofSeveral);
  if (value instanceof Promise || value.constructor?.name === "Query") return "a query";
  // Temporary tables have different OIDs.
  if ("table" in value && typeof value.table === "number") {
    value = { ...value, table: value.table > 0 };
  }
  const entries = Object.entries(value as object).filter(([name]) =>
    name !== "name" || !("string" in (value as object))
  );
  return Object.fromEntries(entries.map(([name, inner]) => [name, seen(inner)]));
}

/** In postgres.js the results of several statements share a description, which is the last one's. */
function ofSeveral(one: unknown): unknown {
  if (typeof one !== "object" || one === null || !("statement" in one)) return one;
  return { ...one, statement: undefined };
}

function resultSeen(result: unknown[]): unknown {
  const { count, command, columns, statement } = result as unknown as Record<string, unknown>;
  return {
    rows: [...result].map(seen),
    keys: Object.keys(result),
    ...{ count, command, columns: seen(columns), statement: seen(statement) },
  };
}

function failureSeen(error: unknown): unknown {
  if (!(error instanceof Error)) return { thrown: error };
  const all = error as unknown as Record<string, unknown>;
  const { name, code, message, query, parameters, args, types } = all;
  // Errors of Bun have a `line` of their own, which is not enumerable.
  const keys = Object.keys(error).filter((key) => key !== "line").sort();
  const given = { query, parameters: seen(parameters), args: seen(args), types };
  return { name, code, message, keys, ...given };
}
