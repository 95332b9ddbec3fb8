/**
 * The module `pg-cursor` on this driver: a result that is read in parts.
 *
 * @module
 */
import type { Reader } from "../../bytes/reader.ts";
import type { ColumnDescription } from "../../protocol/backend.ts";
import { EventEmitter, immediately } from "../node.ts";
import { textDecoder } from "./column_parsers.ts";
import type { Connection } from "./connection.ts";
import { prepareValue } from "./prepare_value.ts";
import { Result } from "./result.ts";
import type {
  CommandCompleteMessage,
  DataRowMessage,
  RowDescriptionMessage,
  Submittable,
} from "./submittable.ts";
import { type CustomTypes, type TypeParser, types } from "./types.ts";

/** Options of a cursor. */
export interface CursorConfig {
  /** `"array"`: rows are arrays. */
  rowMode?: string;
  /** Chooses the parsers of columns. */
  types?: CustomTypes;
  /** Ignored: promises are those of the language. */
  Promise?: unknown;
}

/** Called with an error, or with rows and the result so far. */
export type ReadCallback = {
  /** A method's parameters may be narrower than these. */
  call(error: Error | null, rows?: unknown[], result?: Result): void;
}["call"];

/** A read that waits, or that is being answered. */
interface Read {
  readonly count: number;
  readonly done: ReadCallback;
}

/**
 * A cursor: pass it to `client.query()`, read from it, and close it. The client's other queries wait until
 * it is at its end or closed. It emits `row`, `end` and `error`.
 *
 * @example
 * ```ts
 * import pg from "@cornac/pg/compat/pg";
 * import Cursor from "@cornac/pg/compat/pg-cursor";
 *
 * const client = new pg.Client({ user: "myuser", password: "mypassword", database: "mydb" });
 * await client.connect();
 * const cursor = client.query(new Cursor("select name from users order by id"));
 * await cursor.read(2); // → [{ name: "Ada" }, { name: "Grace" }]
 * await cursor.close();
 * await client.end();
 * ```
 */
export class Cursor extends EventEmitter implements Submittable {
  /** The SQL text. */
  readonly text: string;
  /** The parameters as they are sent. */
  readonly values: readonly unknown[];
  /** `initialized`, `submitted`, `idle`, `busy`, `done` or `error`. */
  state: "initialized" | "submitted" | "idle" | "busy" | "done" | "error" = "initialized";
  /** The connection, from its turn on. */
  connection: Connection | null = null;
  /** @internal The result, whose parsers the client chooses. */
  _result: Result;
  readonly #waiting: Read[] = [];
  #current: Read | undefined;
  #rows: unknown[] = [];
  #error: Error | undefined;
  #isClosed = false;

  /** Creates a cursor for a text with values. */
  constructor(text: string, values?: readonly unknown[] | null, config: CursorConfig = {}) {
    super();
    this.text = text;
    this.values = (values ?? []).map(prepareValue);
    this._result = new Result(config.rowMode, config.types);
  }

  /** Reads the next rows, at most `count`. At the end there are none. */
  read(count: number): Promise<unknown[]>;
  /** Reads the next rows and calls back. */
  read(count: number, callback: ReadCallback): void;
  read(count: number, callback?: ReadCallback): Promise<unknown[]> | void {
    if (callback) return this.#read({ count, done: callback });
    return new Promise((resolve, reject) => {
      this.#read({ count, done: (error, rows) => error ? reject(error) : resolve(rows!) });
    });
  }

  /** Closes the cursor. The client goes on with its next query. */
  close(): Promise<void>;
  /** Closes the cursor and calls back. */
  close(callback: (error?: Error) => void): void;
  close(callback?: (error?: Error) => void): Promise<void> | void {
    if (callback) return this.#close(callback);
    return new Promise((resolve) => this.#close(() => resolve()));
  }

  /** @internal */
  submit(connection: Connection): void {
    this.connection = connection;
    this.state = "submitted";
    this._result._types ??= types;
    if (this.#isClosed) return connection.sync();
    const portal = PORTAL;
    connection.parse({ text: this.text });
    connection.bind({ portal, values: this.values });
    connection.describe({ type: "P", name: portal });
    connection.flush();
    connection.once("noData", () => this.#ready());
  }

  /** @internal */
  handleRowDescription({ fields }: RowDescriptionMessage): void {
    this._result.addFields(fields);
    this.#ready();
  }

  /** @internal */
  _rowReader(columns: readonly ColumnDescription[]): ((reader: Reader) => void) | undefined {
    const isOwn = this.handleDataRow === Cursor.prototype.handleDataRow;
    const result = this._result;
    if (!isOwn || columns.some(({ format }) => format === 1)) return undefined;
    const shape = result.rowAsArray ? "array" : "object";
    const decode = textDecoder(columns, result._parsers as TypeParser[], shape);
    return (reader) => {
      const row = decode(reader);
      this.emit("row", row, result);
      this.#rows.push(row);
    };
  }

  /** @internal */
  handleDataRow({ fields }: DataRowMessage): void {
    const row = this._result.parseRow(fields);
    this.emit("row", row, this._result);
    this.#rows.push(row);
  }

  /** @internal */
  handlePortalSuspended(): void {
    this.state = "idle";
    this.#answer();
    this.#next();
  }

  /** @internal */
  handleCommandComplete(message: CommandCompleteMessage): void {
    this._result.addCommandComplete(message);
    this.#closePortal();
  }

  /** @internal */
  handleEmptyQuery(): void {
    this.#closePortal();
  }

  /** @internal */
  handleReadyForQuery(): void {
    if (this.state !== "error") this.state = "done";
    this.#answer();
    for (const read of this.#waiting.splice(0)) this.#later(read);
    if (this.state === "done") this.emit("end", this._result);
  }

  /** @internal */
  handleError(error: Error): void {
    if (this.state === "done" || this.state === "error") return;
    this.state = "error";
    this.#error = error;
    this.connection?.sync();
    const reads = [...this.#current === undefined ? [] : [this.#current], ...this.#waiting];
    this.#current = undefined;
    this.#waiting.length = 0;
    for (const { done } of reads) done(error);
    if (this.listenerCount("error") > 0) this.emit("error", error);
  }

  #read(read: Read): void {
    if (this.state === "error" || this.state === "done") return this.#later(read);
    this.#waiting.push(read);
    if (this.state === "idle") this.#next();
  }

  /** Answers a read that comes after the end. */
  #later({ done }: Read): void {
    immediately(() => this.#error ? done(this.#error) : done(null, [], this._result));
  }

  #ready(): void {
    if (this.state !== "submitted") return;
    this.state = "idle";
    this.#next();
  }

  #next(): void {
    const read = this.#waiting.shift();
    if (read === undefined) return;
    this.state = "busy";
    this.#current = read;
    this.connection!.execute({ portal: PORTAL, rows: read.count });
    this.connection!.flush();
  }

  #answer(): void {
    const read = this.#current;
    const rows = this.#rows;
    this.#current = undefined;
    this.#rows = [];
    if (read === undefined) return;
    this._result.rows = rows as Record<string, unknown>[];
    immediately(() => read.done(null, rows, this._result));
  }

  /** Closes the portal, which outlives the request within a transaction. */
  #closePortal(): void {
    this.connection!.close({ type: "P", name: PORTAL });
    this.connection!.sync();
  }

  #close(done: () => void): void {
    if (this.#isClosed || this.state === "done" || this.connection === null) {
      this.#isClosed = true;
      return immediately(done);
    }
    this.#isClosed = true;
    this.connection.once("readyForQuery", () => immediately(done));
    this.#closePortal();
  }
}

/** The portal's name: cursors of one connection never overlap. */
const PORTAL = "cornac_cursor";

export { Cursor as default };
