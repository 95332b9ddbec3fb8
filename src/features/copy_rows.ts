/**
 * COPY of typed rows: JavaScript values in and out, by the codecs of the columns' types. Source:
 * manual, "COPY", "Binary Format"; a tuple has the layout of a DataRow.
 */
import { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { takeCallSite } from "../query/call_site.ts";
import type { HostLoan, QueryContext } from "../query/query_context.ts";
import { quoteIdentifier } from "../query/quote.ts";
import type { ObjectRow } from "../query/result.ts";
import { compileRows, type RowColumn, type RowShape } from "../query/rows.ts";
import type { Item, Pull } from "../query/source.ts";
import { limit, unlessAborted } from "../session/deadline.ts";
import type { SessionLock } from "../session/exchange.ts";
import {
  type CopyRow,
  type Encoder,
  encoderOf,
  fieldOf,
  Refusal,
  valuesOf,
} from "./copy_encoding.ts";
import { CopiedRows, Tuples } from "./copied_rows.ts";
import { copyIn } from "./copy_in.ts";
import { CopyLock, type CopyPlace } from "./copy_lock.ts";
import { CopyOut } from "./copy_out.ts";
import type { CopyOptions } from "./copy_statement.ts";
import * as lateSql from "./late_sql.ts";

/** Bytes that are encoded before they are sent. */
const CHUNK = 65_536;

/** A table: its name, `schema.name`, or the parts of the name. */
export type TableName = string | readonly string[];

export type { CopyRow } from "./copy_encoding.ts";

/** Options of `copyRowsFrom()`. */
export interface CopyRowsFromOptions extends CopyOptions {
  /**
   * The format of the data. Default `binary`; `text` where a value of the first row, or the type of
   * a column, can be read by the server alone: a string for a date, a type without a binary form.
   */
  format?: "binary" | "text" | undefined;
}

/** Options of `copyRowsTo()`. */
export interface CopyRowsToOptions extends CopyOptions {
  /** Rows as objects by column name, or as arrays in column order. Default: the connection's. */
  rows?: RowShape | undefined;
}

/** Copies rows into a table. */
export async function copyRowsFrom(
  host: QueryContext,
  table: TableName,
  columns: readonly string[],
  pull: Pull<CopyRow>,
  given: CopyRowsFromOptions,
  { lock: place, site }: CopyPlace,
): Promise<number> {
  const options = own(given);
  const { signal, lift } = limit("copy", options.timeout, options.signal);
  const how = own<CopyRowsFromOptions>(options, { signal, timeout: 0 });
  const copy = async (lock: SessionLock | undefined): Promise<number> => {
    const [into, names] = [tableOf(table), namesOf(columns)];
    const held = own<QueryContext>(host, { defaults: own(host.defaults, { lock }) });
    const described = await describe(held, table, columns, how);
    const first = await unlessAborted(pull.next(), signal);
    const encoder = encoderOf(described.map(fieldOf), first, options.format);
    const text = lateSql.copyInto(into, names, encoder.format);
    const inner = { lock: new CopyLock(held), site };
    return await copyIn(held, text, new Chunks(encoder, pull, first), how, inner);
  };
  try {
    // The source is also read before the COPY begins, so queries are refused from here on.
    return await place.hold(copy);
  } catch (error) {
    pull.cancel(error);
    throw error;
  } finally {
    lift();
  }
}

/** Returns the rows of a table, on a host that is taken when the first row is read. */
export function copyRowsTo<Row = ObjectRow>(
  lend: () => HostLoan | Promise<HostLoan>,
  table: TableName,
  columns: readonly string[],
  given: CopyRowsToOptions = {},
): CopiedRows<Row> {
  return new CopiedRows(arrivals<Row>(lend, table, columns, given));
}

/** Copies out, and yields the tuples whenever a chunk was added to them. */
async function* arrivals<Row>(
  lend: () => HostLoan | Promise<HostLoan>,
  table: TableName,
  columns: readonly string[],
  given: CopyRowsToOptions,
): AsyncGenerator<Tuples<Row>, void, undefined> {
  const options = own(given);
  const { host, giveBack } = await lend();
  const { signal, lift } = limit("copy", options.timeout, options.signal);
  const how = own<CopyRowsToOptions>(options, { signal, timeout: 0 });
  let copy: CopyOut | undefined;
  try {
    const described = await describe(host, table, columns, how);
    const decode = compileRows(described, options.rows ?? host.defaults.rows ?? "object");
    const query = lateSql.columnsOf(described.map(readable), tableOf(table));
    const place = { lock: new CopyLock(host), site: takeCallSite(host.asyncStacks) };
    const tuples = new Tuples<Row>(decode, host.executor.session.wire.reader);
    copy = new CopyOut(host, lateSql.copyOut(query), how, place);
    for (let chunk; (chunk = await copy.next()) !== undefined;) {
      tuples.add(chunk);
      yield tuples;
    }
    copy = undefined;
    tuples.finish();
  } finally {
    await copy?.leave();
    lift();
    await giveBack?.();
  }
}

/** Selects a column, as text within the binary format where its codec reads no binary form. */
function readable({ name, format }: RowColumn): string {
  const quoted = quoteIdentifier(name);
  return format === 1 ? quoted : lateSql.asText(quoted);
}

/** Describes the columns. No right to read them is needed. */
async function describe(
  { executor, defaults: { lock } }: QueryContext,
  table: TableName,
  columns: readonly string[],
  { signal }: CopyOptions,
): Promise<readonly RowColumn[]> {
  const text = lateSql.columnsOf(namesOf(columns), tableOf(table));
  return (await executor.describe(text, own({ prepare: false, signal, lock }))).binaryColumns;
}

function tableOf(table: TableName): string {
  return quoteIdentifier(...(typeof table === "string" ? table.split(".") : table));
}

function namesOf(columns: readonly string[]): string[] {
  if (!Array.isArray(columns) || columns.length === 0) {
    throw new InterfaceError("the columns to copy must be an array of names");
  }
  return columns.map((name) => quoteIdentifier(name));
}

/** Encodes the rows of a source in chunks. A chunk is valid until the next one is asked for. */
class Chunks implements Pull<Uint8Array> {
  readonly #encoder: Encoder;
  readonly #rows: Pull<CopyRow>;
  readonly #out: Writer = new Writer(2 * CHUNK);
  #first: Item<CopyRow> | undefined;
  #row = 0;
  #isOver = false;

  constructor(encoder: Encoder, rows: Pull<CopyRow>, first: Item<CopyRow>) {
    this.#encoder = encoder;
    this.#rows = rows;
    this.#first = first;
  }

  next(): PromiseLike<Item<Uint8Array>> | Item<Uint8Array> {
    if (this.#isOver) return { done: true };
    const out = this.#out;
    out.clear();
    if (this.#row === 0) this.#encoder.begin(out);
    while (out.length < CHUNK && !this.#isOver) {
      const item = this.#first ?? this.#rows.next();
      this.#first = undefined;
      if ("then" in item) return this.#later(item);
      this.#take(item);
    }
    return { value: out.peek() };
  }

  cancel(reason: unknown): void {
    this.#rows.cancel(reason);
  }

  async #later(next: PromiseLike<Item<CopyRow>>): Promise<Item<Uint8Array>> {
    const out = this.#out;
    this.#take(await next);
    while (out.length < CHUNK && !this.#isOver) this.#take(await this.#rows.next());
    return { value: out.peek() };
  }

  #take({ done, value }: Item<CopyRow>): void {
    const encoder = this.#encoder;
    if (done) {
      this.#isOver = true;
      return encoder.end(this.#out);
    }
    const values = valuesOf(value!, encoder.fields, ++this.#row);
    try {
      encoder.row(values, this.#out);
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause;
      const { field: { name, codec }, reason } = cause;
      const message = `row ${this.#row}, column "${name}" (${codec.name}): ${reason}`;
      const { code } = Object(cause.cause);
      throw new InterfaceError(message, { cause: cause.cause, code });
    }
  }
}
