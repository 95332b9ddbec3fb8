import { InterfaceError } from "../errors/errors.ts";
import { inheritFromPromise } from "./fragment.ts";
import { takeCallSite, withCallSite } from "./call_site.ts";
import type { QueryOptions } from "./options.ts";
import { neverSent, over, type QueryContext } from "./query_context.ts";
import { uncancellable } from "../session/cancellation.ts";
import type { ObjectRow, Result } from "./result.ts";
import { inOriginal, type Rewritten } from "./rewritten.ts";
import { SimpleRequest } from "./simple.ts";

/** A text sent as it is by the simple protocol; it resolves to the result of its last statement. */
export class SimpleQuery<Row = ObjectRow> {
  readonly #host: QueryContext;
  readonly #text: string;
  readonly #parameters: readonly unknown[];
  readonly #options: QueryOptions;
  readonly #rewritten: Rewritten | undefined;
  readonly #site: Error | undefined;
  #promise: Promise<Result<Row>[]> | undefined;
  #request: SimpleRequest | undefined;

  static {
    inheritFromPromise(this.prototype);
  }

  /** For the driver: use `simple()` of a query. */
  constructor(
    host: QueryContext,
    text: string,
    parameters: readonly unknown[],
    options: QueryOptions,
    rewritten?: Rewritten,
  ) {
    this.#host = host;
    this.#text = text;
    this.#parameters = parameters;
    this.#options = options;
    this.#rewritten = rewritten;
    this.#site = takeCallSite(host.asyncStacks);
    host.unstarted?.add(this);
  }

  /** @internal The text. */
  get statement(): string {
    return this.#text;
  }

  /** Runs it and takes the result of each statement, in order. */
  all(): Promise<Result<Row>[]> {
    return this.#promise ??= this.#run();
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
    this.#host.unstarted?.delete(this);
    if (this.#request !== undefined) {
      const { session } = this.#host.executor;
      if (!session.canCancel) throw uncancellable();
      session.cancel(this.#request);
    }
    this.#promise ??= neverSent();
  }

  #last(): Promise<Result<Row>> {
    return this.all().then((results) => results.at(-1)!);
  }

  async #run(): Promise<Result<Row>[]> {
    const { executor, unstarted } = this.#host;
    unstarted?.delete(this);
    try {
      if (this.#parameters.length > 0) {
        throw new InterfaceError("the simple protocol takes no parameters");
      }
      this.#request = new SimpleRequest(
        executor.context,
        this.#text,
        over(this.#options, this.#host),
      );
      return await this.#request.query() as Result<Row>[];
    } catch (error) {
      throw withCallSite(inOriginal(error, this.#rewritten), this.#site);
    }
  }
}

/** A query is a promise for type checkers, so that linters find one that is not awaited. */
export interface SimpleQuery<Row = ObjectRow> extends Promise<Result<Row>> {}
