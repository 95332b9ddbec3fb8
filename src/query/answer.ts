/** The replies to Bind and Execute. */
import type { Reader } from "../bytes/reader.ts";
import { Backend } from "../protocol/tags.ts";
import type { Conversation, Message, Wish } from "../session/exchange.ts";
import type { Context } from "./context.ts";
import { endCopy } from "./copy_guard.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { collecting, completeTo, describeTo } from "./observer.ts";
import { expect, unexpected } from "./parse_describe.ts";
import { Result } from "./result.ts";
import type { RowDecoder } from "./rows.ts";
import type { Statement } from "./statement.ts";

/** A query as its answer needs it. */
export interface AnsweredQuery {
  readonly options: ExecuteOptions;
  readonly statement: Statement;
  /** Whether rows were passed to the observer. */
  hasGiven: boolean;
  /** Returns the decoder of the rows, when they are due. */
  decoder(): RowDecoder;
}

/**
 * The conversation of BindComplete, the rows and CommandComplete. It is written without a generator,
 * because every query has one: a generator costs JavaScriptCore more than all that happens in it.
 */
export class Answer implements Conversation<Result> {
  readonly #query: AnsweredQuery;
  readonly #context: Context;
  readonly #loading: Promise<void> | undefined;
  /** The rows; absent until BindComplete has come. */
  #result: Result | undefined;

  /** `loading` holds the rows back until their types can be read. */
  constructor(query: AnsweredQuery, context: Context, loading?: Promise<void>) {
    this.#query = query;
    this.#context = context;
    this.#loading = loading;
  }

  next(message?: Message): IteratorResult<Wish, Result> {
    if (message === undefined) return { done: false, value: this.#loading };
    const result = this.#result;
    if (result !== undefined) return { done: true, value: this.#end(result, message) };
    expect(message, Backend.BindComplete);
    return { done: false, value: this.#receiver(this.#result = new Result()) };
  }

  throw(error: unknown): IteratorResult<Wish, Result> {
    throw error;
  }

  return(value: Result): IteratorResult<Wish, Result> {
    return { done: true, value };
  }

  [Symbol.iterator](): this {
    return this;
  }

  #receiver(result: Result): (reader: Reader) => void {
    const query = this.#query;
    const decode = query.decoder();
    const { observer } = query.options;
    const receiver = observer && describeTo(observer, query.statement);
    if (typeof receiver !== "function") return collecting(receiver ?? result, decode);
    return (reader) => {
      const row = decode(reader);
      query.hasGiven = true;
      receiver(row);
    };
  }

  #end(result: Result, message: Message): Result {
    const { observer } = this.#query.options;
    switch (message.tag) {
      case Backend.CommandComplete:
        this.#complete(result, this.#context.tags.read(message.reader));
        break;
      case Backend.EmptyQueryResponse:
        break;
      case Backend.CopyInResponse:
      case Backend.CopyOutResponse:
      case Backend.CopyBothResponse:
        throw endCopy(this.#context.session, message.tag, "extended");
      default:
        throw unexpected(message);
    }
    if (observer !== undefined) completeTo(observer, result, this.#query.statement);
    return result;
  }

  #complete(result: Result, tag: string): void {
    const { columns } = this.#query.statement;
    if (columns.length === 0) this.#context.completed(tag);
    Result.describe(result, columns, tag);
  }
}
