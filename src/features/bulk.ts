import type { CallOptions } from "../query/options.ts";
import type { QueryContext } from "../query/query_context.ts";
import { Queries } from "../query/queries.ts";
import type { ObjectRow } from "../query/result.ts";
import type { ByteStream, Source } from "../query/source.ts";
import {
  type CopyData,
  copyFrom,
  type CopyOptions,
  copyRowsFrom,
  copyRowsTo,
  copyTo,
} from "./copy.ts";
import type { CopyRow, CopyRowsFromOptions, CopyRowsToOptions, TableName } from "./copy_rows.ts";
import { notify } from "./notify.ts";

/** The operations besides queries that connections and transactions share: COPY and NOTIFY. */
export class BulkQueries extends Queries {
  readonly #host: QueryContext;

  /** For the driver: connections and transactions construct it. */
  constructor(host: QueryContext) {
    super(host);
    this.#host = host;
  }

  /**
   * Runs a `copy … from stdin` with the data of `source`, in the format that the statement says, and
   * resolves to the number of rows.
   *
   * The source is read as fast as the server takes its data. When the source throws, the copy is
   * undone and the call rejects with that error. When the server refuses a row, the source is
   * closed and the call rejects with the server's error. The connection is usable afterwards either
   * way.
   *
   * Until the copy has ended, queries on the connection are refused, because one that the source
   * awaits could never be answered.
   *
   * @throws {InterfaceError} the statement is not a `copy … from stdin`, or the source is not one.
   *
   * @example
   * ```ts
   * const csv = ["Alan,alan@example.com\n", "Barbara,\n"]; // or a file, or the body of a response
   * await db.copyFrom("copy users (name, email) from stdin (format csv)", csv); // → 2
   * ```
   */
  copyFrom(
    text: string,
    source: Source<CopyData> | CopyData,
    options?: CopyOptions,
  ): Promise<number> {
    return copyFrom(this.#host, text, source, options);
  }

  /**
   * Runs a `copy … to stdout` when it is read: a `ReadableStream` of its data, which is also an
   * `AsyncIterable`. A row is never cut by the end of a chunk.
   *
   * Until the copy has ended, queries on the connection are refused, and the server waits while
   * nothing is read. When the reader stops early, the copy is cancelled on the server. In a
   * transaction, which a cancel would abort, the rest is read and discarded instead. The connection
   * is usable afterwards either way.
   *
   * @throws {InterfaceError} the statement copies in.
   *
   * @example
   * ```ts
   * const csv = db.copyTo("copy (select name from users order by id) to stdout (format csv)");
   * await new Response(csv).text(); // → "Ada\nGrace\nEdsger\n"
   * ```
   */
  copyTo(text: string, options?: CopyOptions): ByteStream {
    return copyTo(this.#host, text, options);
  }

  /**
   * Copies rows into a table: arrays in the order of `columns`, or objects by their names. Values are
   * encoded as parameters are. Resolves to the number of rows.
   *
   * @throws {InterfaceError} a column cannot take a value; the message names the row and the
   * column. Nothing is copied.
   *
   * @example
   * ```ts
   * await db.copyRowsFrom("accounts", ["id", "balance"], [[3, "10.50"], [4, "0.25"]]); // → 2
   * ```
   */
  copyRowsFrom(
    table: TableName,
    columns: readonly string[],
    rows: Source<CopyRow>,
    options?: CopyRowsFromOptions,
  ): Promise<number> {
    return copyRowsFrom(this.#host, table, columns, rows, options);
  }

  /**
   * Returns the rows of a table as they arrive. They are copied in the binary format and decoded
   * like those of a query. Leaving the loop early ends the copy as in `copyTo()`.
   *
   * @example
   * ```ts
   * for await (const { name } of db.copyRowsTo("users", ["name"])) console.log(name); // → Ada, Grace, Edsger
   * ```
   */
  copyRowsTo<Row = ObjectRow>(
    table: TableName,
    columns: readonly string[],
    options?: CopyRowsToOptions,
  ): AsyncIterableIterator<Row> {
    return copyRowsTo<Row>(() => ({ host: this.#host }), table, columns, options);
  }

  /**
   * Sends a notification to the listeners of a channel; in a transaction, when it commits. The name
   * of the channel is taken as it is, capitals included.
   *
   * @throws {InterfaceError} the channel's name is empty or longer than 63 bytes.
   * @throws {DatabaseError} the payload is 8,000 bytes or longer (22023).
   *
   * @example
   * ```ts
   * await db.notify("jobs", JSON.stringify({ id: 7 }));
   * ```
   */
  notify(channel: string, payload: string = "", options?: CallOptions): Promise<void> {
    return notify(this.#host, channel, payload, options);
  }
}
