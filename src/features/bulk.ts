import type { CallOptions } from "../query/options.ts";
import type { QueryContext } from "../query/query_context.ts";
import { Queries } from "../query/queries.ts";
import type { ObjectRow } from "../query/result.ts";
import type { ByteStream, Source } from "../query/source.ts";
import { type CopyData, copyFrom, type CopyOptions, copyTo } from "./copy.ts";
import {
  type CopyRow,
  copyRowsFrom,
  type CopyRowsFromOptions,
  copyRowsTo,
  type CopyRowsToOptions,
  type TableName,
} from "./copy_rows.ts";
import { notify } from "./listen.ts";

/** What connections and transactions share besides queries: COPY, and NOTIFY. */
export class BulkQueries extends Queries {
  readonly #host: QueryContext;

  /** For the driver: made by connections and transactions. */
  constructor(host: QueryContext) {
    super(host);
    this.#host = host;
  }

  /**
   * Runs a `copy … from stdin` with the data of `source`, in the format that the statement says, and
   * resolves to the number of rows.
   *
   * The source is read as fast as the server takes its data. When it throws, the copy is undone and
   * the source's own error is the caller's; when the server refuses a row, the source is given up and
   * the server's error is. The connection can be used again either way.
   *
   * Until the copy has ended, queries on the connection are refused: one that the source awaits could
   * never be answered.
   *
   * @throws {InterfaceError} the statement is no `copy … from stdin`, or the source is none.
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
   * Until the copy has ended, the server is held while nothing is read, and queries on the connection
   * are refused. When reading stops early the copy is cancelled on the server; within a transaction,
   * which a cancel would abort, the rest is read and thrown away. The connection can be used again
   * either way.
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
   * @throws {InterfaceError} a value that its column cannot take, by row and column; nothing is copied.
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
   * The rows of a table, as they come: by COPY in the binary format, decoded as a query's are.
   * Leaving the loop early ends it as `copyTo()` says.
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
   * Notifies whoever listens to a channel; within a transaction, when it commits. The channel's name
   * is taken as it is, capitals and all.
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
