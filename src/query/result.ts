import type { ColumnDescription } from "../protocol/backend.ts";
import { FOREIGN_RESULT, refuseForeign } from "./foreign.ts";

/** A row as an object by column name. Of columns with the same name, it has the last. */
export type ObjectRow = Record<string, unknown>;

/**
 * The rows of one statement: an array that also has the columns, the command and the row count.
 *
 * @example
 * ```ts
 * const users = await db.query("select id, name from users order by id");
 * for (const user of users) console.log(user.name); // → Ada, Grace, Edsger
 * console.log(users.command, users.rowCount); // → SELECT 3
 * console.log(users.columns.map((column) => column.name)); // → ["id", "name"]
 * ```
 */
export class Result<Row = ObjectRow> extends Array<Row> {
  #columns: readonly ColumnDescription[] = NO_COLUMNS;
  #tag = "";

  static {
    refuseForeign(this.prototype, "a result", FOREIGN_RESULT);
  }

  /** Makes `map`, `filter` and the like return plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** The columns. Empty for a statement that returns no rows. */
  get columns(): readonly ColumnDescription[] {
    return this.#columns;
  }

  /** The command tag as the server sent it: `"INSERT 0 1"`; `""` where `command` is `""`. */
  get tag(): string {
    return this.#tag;
  }

  /**
   * The words of the command tag: `"SELECT"`, `"INSERT"`, `"CREATE TABLE"`. It is `""` for an empty query,
   * and for a set of rows that another one of the same statement follows, which rules can make.
   */
  get command(): string {
    return commandOf(this.#tag);
  }

  /** The number of rows in the command tag, or -1 for a command without one. */
  get rowCount(): number {
    return countOf(this.#tag);
  }

  /** Called by the driver. Sets the columns and the command tag. */
  static describe(
    result: Result<unknown>,
    columns: readonly ColumnDescription[],
    tag: string,
  ): void {
    result.#columns = columns;
    result.#tag = tag;
  }
}

/** Returns the words of a command tag. */
export function commandOf(tag: string): string {
  const end = tag.search(/ \d/);
  return end < 0 ? tag : tag.slice(0, end);
}

/** Returns the number of rows in a command tag, or -1. */
export function countOf(tag: string): number {
  const count = / (\d+)$/.exec(tag);
  return count === null ? -1 : Number(count[1]);
}

/** The columns of a result without columns. */
export const NO_COLUMNS: readonly ColumnDescription[] = Object.freeze([]);
