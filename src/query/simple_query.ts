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

/** A text sent as it is by the simple protocol; it resolves to the result of its last statement. */
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

  /** For the driver: use `simple()` of a query. */
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

  /** @internal The text. */
  get statement(): string {
    return this.#text;
  }

  /** Runs it and takes the result of each statement, in order. */
  all(): Promise<Result<Row>[]> {
    return this.#promise ??= this.#begin();
  }

  /** Runs it and takes the result of its last statement: what `await` calls. */
  then<A = Result<Row>, B = never>(
    onfulfilled?: ((value: Result<Row>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#last().then(onfulfilled, onrejected);
  }

  /** As of a promise. */
  catch<B = never>(
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<Result<Row> | B> {
    return this.#last().then(undefined, onrejected);
  }

  /** As of a promise. */
  finally(onfinally?: (() => void) | null): Promise<Result<Row>> {
    return this.#last().finally(onfinally);
  }

  /** Whatever takes a promise takes it, and runs it with that. */
  get [Symbol.toStringTag](): string {
    return "SimpleQuery";
  }

  /** Sends it now, to be awaited later. An error that nobody awaits is dropped. */
  execute(): this {
    this.all().catch(() => {});
    return this;
  }

  /**
   * Asks the server to stop what it runs of this text, and not to begin it when it is not sent yet.
   * Whoever awaits it is told by an `OperationalError` with code 57014, unless it was done already.
   *
   * @throws {NotSupportedError} it has begun, and the connection is over a given `sock`.
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

/** A query is a promise for type checkers, so that linters find one that is not awaited. */
export interface SimpleQuery<Row = ObjectRow> extends Promise<Result<Row>> {}
