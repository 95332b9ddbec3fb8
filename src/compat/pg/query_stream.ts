/**
 * The module `pg-query-stream` on this driver: the rows of a query as a `Readable`.
 *
 * @module
 */
import type { ColumnDescription } from "../../protocol/backend.ts";
import { Readable } from "../node.ts";
import type { Connection } from "./connection.ts";
import { Cursor, type CursorConfig } from "./cursor.ts";
import type {
  CommandCompleteMessage,
  DataRowMessage,
  RowDescriptionMessage,
  Submittable,
} from "./submittable.ts";

/** Options of a stream of rows. */
export interface QueryStreamConfig extends CursorConfig {
  /** The rows that are requested at once. Default: `highWaterMark`, or 100. */
  batchSize?: number;
  /** The rows that are read ahead. */
  highWaterMark?: number;
}

/**
 * A stream of the rows of a query: pass it to `client.query()`. The client's other queries wait until it
 * has ended or is destroyed.
 *
 * @example
 * ```ts
 * import pg from "@cornac/pg/compat/pg";
 * import QueryStream from "@cornac/pg/compat/pg-query-stream";
 *
 * const client = new pg.Client({ user: "myuser", password: "mypassword", database: "mydb" });
 * await client.connect();
 * for await (const { name } of client.query(new QueryStream("select name from users order by id"))) {
 *   console.log(name); // → Ada, Grace, Edsger
 * }
 * await client.end();
 * ```
 */
export class QueryStream extends Readable implements Submittable {
  /** The cursor that the rows are read from. */
  readonly cursor: Cursor;
  /** The SQL text. */
  readonly text: string;
  /** @internal The result, whose parsers the client chooses. */
  readonly _result: Cursor["_result"];
  /** Called once, at the end or with an error, where the stream was passed to `pool.query()`. */
  callback: ((error: unknown, result?: unknown) => void) | undefined = undefined;

  /** Creates a stream for a text with values. */
  constructor(
    text: string,
    values?: readonly unknown[] | null,
    { batchSize, highWaterMark = batchSize ?? 100, ...config }: QueryStreamConfig = {},
  ) {
    super({ objectMode: true, autoDestroy: true, highWaterMark });
    this.cursor = new Cursor(text, values, config);
    this.text = text;
    this._result = this.cursor._result;
  }

  /** @internal */
  submit(connection: Connection): void {
    this.cursor.submit(connection);
  }

  /** @internal */
  handleRowDescription(message: RowDescriptionMessage): void {
    this.cursor.handleRowDescription(message);
  }

  /** @internal */
  _rowReader(columns: readonly ColumnDescription[]): ReturnType<Cursor["_rowReader"]> {
    const isOwn = this.handleDataRow === QueryStream.prototype.handleDataRow;
    return isOwn ? this.cursor._rowReader(columns) : undefined;
  }

  /** @internal */
  handleDataRow(message: DataRowMessage): void {
    this.cursor.handleDataRow(message);
  }

  /** @internal */
  handlePortalSuspended(): void {
    this.cursor.handlePortalSuspended();
  }

  /** @internal */
  handleCommandComplete(message: CommandCompleteMessage): void {
    this.cursor.handleCommandComplete(message);
  }

  /** @internal */
  handleEmptyQuery(): void {
    this.cursor.handleEmptyQuery();
  }

  /** @internal */
  handleReadyForQuery(): void {
    this.cursor.handleReadyForQuery();
  }

  /** @internal */
  handleError(error: Error): void {
    this.cursor.handleError(error);
    this.destroy(error);
  }

  /** @internal */
  override _read(size: number): void {
    this.cursor.read(size, (error, rows) => {
      if (error) return void this.destroy(error);
      for (const row of rows!) this.push(row);
      if (rows!.length < size) this.push(null);
    });
  }

  /** @internal */
  override _destroy(reason: Error | null, done: (error?: Error | null) => void): void {
    this.cursor.close(() => {
      done(reason);
      this.callback?.(reason, this._result);
    });
  }
}

export { QueryStream as default };
