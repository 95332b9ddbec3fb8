import { InterfaceError } from "../errors/errors.ts";
import { inheritFromPromise } from "./fragment.ts";
import { withCallSite } from "./call_site.ts";
import type { QueryParameters } from "./options.ts";
import { type Purpose, type QuerySource, siteOf, withHost } from "./query_source.ts";
import { cancelled } from "../session/exchange.ts";
import type { QueryOptions } from "./options.ts";
import { neverSent, over, type QueryContext } from "./query_context.ts";
import { uncancellable } from "../session/cancellation.ts";
import type { ObjectRow, Result } from "./result.ts";
import { inOriginal, type Rewritten } from "./rewritten.ts";
import { SimpleRequest } from "./simple.ts";

/** A text for the simple protocol. It resolves to the result of its last statement. */
export class SimpleQuery<Row = ObjectRow> {
  readonly #source: QuerySource;
  readonly #text: string;
  readonly #parameters: QueryParameters;
  readonly #options: QueryOptions;
  readonly #rewritten: Rewritten | undefined;
  readonly #site: Error | undefined;
  #promise: Promise<Result<Row>[]> | undefined;
  #request: SimpleRequest | undefined;
  /** The connection that the text was sent on. */
  #host: QueryContext | undefined;
  #isCancelled = false;

  static {
    inheritFromPromise(this.prototype);
  }

  /** Called by the driver; use `simple()` of a query. */
  constructor(
    source: QuerySource,
    text: string,
    parameters: QueryParameters,
    options: QueryOptions,
    rewritten?: Rewritten,
  ) {
    this.#source = source;
    this.#text = text;
    this.#parameters = parameters;
    this.#options = options;
    this.#rewritten = rewritten;
    this.#site = siteOf(source);
    source.unstarted?.add(this);
  }

  /** @internal The text, which is no part of another query. */
  get made(): { readonly text: string; readonly isWhole: boolean } {
    return { text: this.#text, isWhole: true };
  }

  /** Runs the text and returns the result of each statement in order. */
  all(): Promise<Result<Row>[]> {
    return this.#promise ??= this.#begin();
  }

  /** Starts the text if it has not started, and returns a promise for the last result. */
  then<A = Result<Row>, B = never>(
    onfulfilled?: ((value: Result<Row>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#last().then(onfulfilled, onrejected);
  }

  /** Starts the text as `then()` does, and handles its error. */
  catch<B = never>(
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<Result<Row> | B> {
    return this.#last().then(undefined, onrejected);
  }

  /** Starts the text as `then()` does, and calls `onfinally` when it has settled. */
  finally(onfinally?: (() => void) | null): Promise<Result<Row>> {
    return this.#last().finally(onfinally);
  }

  /** The name that `Object.prototype.toString` shows. */
  get [Symbol.toStringTag](): string {
    return "SimpleQuery";
  }

  /** Sends the text now, to be awaited later. Its error is ignored if it is never awaited. */
  execute(): this {
    this.all().catch(() => {});
    return this;
  }

  /**
   * Cancels the statement of this text that is running. A text that is not sent yet is never sent. The
   * query rejects with an `OperationalError` with code 57014, unless it has completed.
   *
   * @throws {NotSupportedError} the text is running, and the connection is over a given `sock`.
   */
  cancel(): void {
    this.#source.unstarted?.delete(this);
    if (this.#request !== undefined && this.#host !== undefined) {
      const { session } = this.#host.executor;
      if (!session.canCancel) throw uncancellable();
      session.cancel(this.#request);
    }
    this.#isCancelled = true;
    this.#promise ??= neverSent();
  }

  #last(): Promise<Result<Row>> {
    return this.all().then((results) => results.at(-1)!);
  }

  #begin(): Promise<Result<Row>[]> {
    const source = this.#source;
    source.unstarted?.delete(this);
    const purpose: Purpose = {
      ...{ use: "simple", text: this.#text },
      ...{ options: this.#options, site: this.#site },
    };
    return withHost(source, purpose, (host) => this.#run(host));
  }

  async #run(host: QueryContext): Promise<Result<Row>[]> {
    try {
      if (this.#isCancelled) throw cancelled();
      const parameters = this.#parameters;
      if (!Array.isArray(parameters) || parameters.length > 0) {
        throw new InterfaceError("the simple protocol takes no parameters");
      }
      this.#host = host;
      this.#request = new SimpleRequest(
        host.executor.context,
        this.#text,
        over(this.#options, host),
      );
      return await this.#request.query() as Result<Row>[];
    } catch (error) {
      throw withCallSite(inOriginal(error, this.#rewritten), this.#site);
    }
  }
}

/** Declares queries as promises, so that linters report one that is not awaited. */
export interface SimpleQuery<Row = ObjectRow> extends Promise<Result<Row>> {}
