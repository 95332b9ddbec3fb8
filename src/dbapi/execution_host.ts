import type { BulkQueries } from "../features/bulk.ts";
import type { Result } from "../query/result.ts";
import type { Queryable } from "../queryable.ts";

/** The host that cursors and `run()` execute statements on. */
export interface ExecutionHost {
  readonly db: Database;
  /** Whether `\` escapes in every string: `standard_conforming_strings` is off. */
  readonly backslashes: boolean;
  /** The failure that put the open transaction into its failed state, if one did. */
  readonly firstFailure: unknown;
  /** Whether BEGIN stands in front of the next statement. */
  readonly begins: boolean;
  /** Runs `work` after the work before it; with `begins`, in a transaction if one is wanted. */
  run<T>(work: () => Promise<T>, begins: boolean): Promise<T>;
  /** Runs a COPY in the same way. Other work is refused until it has ended. */
  copy<T>(work: () => Promise<T>): Promise<T>;
  /** Returns the values with the registered out-adapters applied. */
  adapt(values: readonly unknown[]): readonly unknown[];
}

/** Returns the host of a connection that commits each statement and has no adapters. */
export function plainHost(db: Database): ExecutionHost {
  return {
    db,
    get backslashes() {
      return escapesInStrings(db);
    },
    firstFailure: undefined,
    begins: false,
    run: (work) => work(),
    copy: (work) => work(),
    adapt: (values) => values,
  };
}

/** The part of a connection that cursors use. */
export interface Database
  extends Omit<Queryable, "transaction">, Pick<BulkQueries, "copyFrom" | "copyTo"> {
  readonly parameterStatuses: ReadonlyMap<string, string>;
}

/** Whether `\` escapes in every string, not only in `E'…'`. Source: manual, "String Constants". */
export function escapesInStrings(db: Database): boolean {
  return db.parameterStatuses.get("standard_conforming_strings") === "off";
}

/** The outcome of an execution. */
export interface Outcome {
  /** The columns of the last statement that had any; `null` when no statement returned rows. */
  readonly columns: Result["columns"] | null;
  /** The rows of all statements; `null` when no statement returned rows. */
  readonly rows: unknown[][] | null;
  /** The sum of the rows that the statements counted; -1 when none counted any. */
  readonly rowCount: number;
}
