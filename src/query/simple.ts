/**
 * The simple query: one text, several statements, no parameters, everything as text.
 * Source: manual, "Simple Query" in the protocol's message flow.
 */
import type { Writer } from "../bytes/writer.ts";
import { OperationalError, ProtocolError } from "../errors/errors.ts";
import {
  type ColumnDescription,
  readCommandTag,
  readRowDescription,
  type TransactionStatus,
} from "../protocol/backend.ts";
import { query } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import type { Conversation, Message, Request, RowSink, Wish } from "../session/exchange.ts";
import { endsTransaction, mayCommit } from "./commits.ts";
import { endCopy, refuseCopy } from "./copy_guard.ts";
import type { Context } from "./context.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { collecting, completeTo, describeTo } from "./observer.ts";
import { textRows } from "./parsers.ts";
import { queryTrace, resultTrace } from "./query_trace.ts";
import { Result } from "./result.ts";
import {
  decodeLate,
  interpretRows,
  type RowColumn,
  rowColumns,
  type RowDecoder,
  type RowShape,
} from "./rows.ts";

/** The request that runs one text. */
export class SimpleRequest implements Request<Result[]> {
  readonly #context: Context;
  readonly #text: string;
  readonly #options: ExecuteOptions;
  /** Whether one of its statements has ended a transaction. */
  #hasEnded = false;
  /** Whether rows were passed to the observer. */
  #hasGiven = false;
  /** Results with columns of types that are not known yet. */
  readonly #incomplete: { rows: unknown[]; columns: readonly RowColumn[] }[] = [];

  /** @throws {InterfaceError} the text is a COPY. */
  constructor(context: Context, text: string, options: ExecuteOptions) {
    refuseCopy(text, context.escapesInStrings);
    context.checkText(text);
    context.exactness.noteText(text);
    this.#context = context;
    this.#text = text;
    this.#options = options;
  }

  /** Sends it and collects the results. */
  async run(): Promise<Result[]> {
    const [context, options] = [this.#context, this.#options];
    // A Query cannot stand behind other messages without a Sync: the server would skip it unanswered.
    options.lock?.begin?.().catch(() => {});
    const results = await context.session.request(this, options);
    for (const { rows, columns } of this.#incomplete) {
      const unknown = columns.filter(({ codec }) => codec === undefined);
      if (!await context.types.ask(unknown.map(({ typeOid }) => typeOid), options)) continue;
      const codecOf = context.types.codecsFor(options.types);
      const known = columns.map((column) => ({ ...column, codec: codecOf(column.typeOid) }));
      decodeLate(rows, columns, known);
    }
    return results;
  }

  /** Sends a text of the user's, and reports it to tracing channels. */
  query(): Promise<Result[]> {
    const { trace } = this.#context;
    if (!trace.query.isWatched) return this.run();
    return trace.query.promise(queryTrace(this.#text, [], false), () => this.run(), resultTrace);
  }

  write(out: Writer): void {
    this.#hasEnded = false;
    if (this.#hasGiven) throw new OperationalError("hit by another's cancel", { code: "57014" });
    const { lock, ahead } = this.#options;
    // The savepoint around a query of the driver's own undoes nothing.
    if (ahead !== true) this.#context.cache.sending(this.#text, lock);
    query(out, this.#text);
  }

  mayHaveCommitted(status: TransactionStatus): boolean {
    const { escapesInStrings } = this.#context;
    return this.#hasEnded || status === "idle" && mayCommit(this.#text, escapesInStrings);
  }

  *talk(): Conversation<Result[]> {
    const results: Result[] = [];
    this.#incomplete.length = 0;
    for (;;) {
      let message = yield;
      let rows = new Result();
      let columns: readonly ColumnDescription[] = [];
      // Rules can make one statement return several sets of rows. Only the last of them has a tag.
      let sets = 0;
      for (; message.tag === Backend.RowDescription; sets++) {
        if (sets > 0) {
          this.#complete(rows, columns, "");
          results.push(rows);
          rows = new Result();
        }
        columns = readRowDescription(message.reader);
        message = yield* this.#rows(columns, rows);
      }
      if (sets > 0 && message.tag !== Backend.CommandComplete) throw unexpected(message);
      switch (message.tag) {
        case Backend.CommandComplete:
          this.#complete(rows, columns, readCommandTag(message.reader));
          results.push(rows);
          break;
        case Backend.EmptyQueryResponse:
          this.#observe(rows, columns);
          results.push(rows);
          break;
        case Backend.ReadyForQuery:
          if (results.length === 0) throw unexpected(message);
          return results;
        case Backend.CopyInResponse:
        case Backend.CopyOutResponse:
        case Backend.CopyBothResponse:
          throw endCopy(this.#context.session, message.tag, "simple");
        default:
          throw unexpected(message);
      }
    }
  }

  /** Reads the rows of one result. Returns the message behind them. */
  *#rows(columns: readonly ColumnDescription[], rows: Result): Generator<Wish, Message, Message> {
    const loading = this.#loading(columns);
    if (loading === undefined) return yield this.#sink(columns, rows);
    const first = yield loading;
    const sink = this.#sink(columns, rows);
    if (first.tag !== Backend.DataRow) return first;
    sink(first.reader);
    return yield sink;
  }

  /** Loads the rare types if a column is of one. */
  #loading(columns: readonly ColumnDescription[]): Promise<void> | undefined {
    const { parsers, types } = this.#options;
    if (parsers !== undefined) return undefined;
    const { types: session } = this.#context;
    return session.loadForColumns(rowColumns(columns, [], session.codecsFor(types)));
  }

  #complete(rows: Result, columns: readonly ColumnDescription[], tag: string): void {
    if (columns.length === 0) this.#context.completed(tag);
    this.#hasEnded ||= endsTransaction(tag);
    Result.describe(rows, columns, tag);
    this.#observe(rows, columns);
  }

  #observe(rows: Result, columns: readonly ColumnDescription[]): void {
    const { observer } = this.#options;
    if (observer !== undefined) completeTo(observer, rows, { columns, name: "", parameters: [] });
  }

  #sink(columns: readonly ColumnDescription[], rows: Result): RowSink {
    const { types, rows: shape = "object", parsers, observer } = this.#options;
    const receiver = observer && describeTo(observer, { columns, name: "", parameters: [] });
    const target = Array.isArray(receiver) ? receiver : rows;
    const decode = parsers === undefined
      ? this.#decoder(columns, target, types, shape)
      : textRows(columns, parsers, shape);
    if (typeof receiver !== "function") return collecting(target, decode);
    return (reader) => {
      this.#hasGiven = true;
      receiver(decode(reader));
    };
  }

  /** Returns the decoder by codecs. Values of types that are not known yet are decoded later. */
  #decoder(
    columns: readonly ColumnDescription[],
    rows: unknown[],
    types: ExecuteOptions["types"],
    shape: RowShape,
  ): RowDecoder {
    const codecOf = this.#context.types.codecsFor(types);
    const described = rowColumns(columns, [], codecOf);
    if (described.some(({ codec }) => codec === undefined)) {
      this.#incomplete.push({ rows, columns: described });
    }
    return interpretRows(described, shape);
  }
}

function unexpected({ tag }: Message): ProtocolError {
  return new ProtocolError(`${backendName(tag)} in the answer to a simple query`);
}
