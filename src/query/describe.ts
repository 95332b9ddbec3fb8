/**
 * A statement described and not executed: Parse, Describe, Sync.
 */
import type { Writer } from "../bytes/writer.ts";
import { describe, sync } from "../protocol/frontend.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { Kind } from "../protocol/tags.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import type { Context } from "./context.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { ParseDescribe, readDescription } from "./parse_describe.ts";
import { ATTEMPTS, recover } from "./recovery.ts";
import type { Statement } from "./statement.ts";
import type { StatementStore } from "./statement_cache.ts";

/**
 * Returns a statement for this text, ready, with all its types known that the server can tell of.
 * Without a store and without room in the cache, the statement has no name.
 */
export async function describeStatement(
  context: Context,
  text: string,
  options: ExecuteOptions,
): Promise<Statement> {
  context.checkText(text);
  const description = new Description(context, text, options);
  const statement = description.known ?? await context.session.request(description, options);
  await context.types.complete(statement, options);
  return statement;
}

/** Describes a statement, or waits for one whose Parse is on its way. */
export class Description implements Request<Statement> {
  readonly #context: Context;
  readonly #text: string;
  readonly #declared: readonly number[];
  readonly #types: ExecuteOptions["types"];
  #store: StatementStore | undefined;
  #parseDescribe: ParseDescribe | undefined;
  #pending: Statement | undefined;
  #attempt = 0;

  constructor(context: Context, text: string, options: ExecuteOptions) {
    this.#context = context;
    this.#text = text;
    this.#declared = options.parameterTypes ?? [];
    this.#types = options.types;
    this.#store = options.prepare === false ? undefined : options.store ?? context.cache;
  }

  /** The statement, if it is ready already. */
  get known(): Statement | undefined {
    const found = this.#store?.find(this.#text, this.#declared, this.#types);
    return found?.state === "ready" ? found : undefined;
  }

  /**
   * Describes without a name after the Parse of another query has failed, and when a pooler has changed
   * sessions between Parse and Describe.
   *
   * @throws {StaleStatementError} the statement was lost, inside a transaction that has failed over it.
   */
  recover(error: unknown, status: TransactionStatus | undefined): boolean | Promise<boolean> {
    const statement = this.#pending ?? this.#parseDescribe?.statement;
    if (statement === undefined || status === undefined || this.#attempt++ === ATTEMPTS) {
      return false;
    }
    const options = { store: this.#store };
    const bound = { text: this.#text, options, statement, isKept: false };
    const isRecovered = this.#pending?.state === "failed"
      ? status === "idle"
      : recover(this.#context, bound, error, status);
    if (isRecovered !== false) this.#store = undefined;
    return isRecovered;
  }

  write(out: Writer): void {
    this.#parseDescribe = undefined;
    this.#pending = this.#store?.find(this.#text, this.#declared, this.#types);
    if (this.#pending !== undefined) describe(out, Kind.Statement, this.#pending.name);
    else {
      const [context, store, text] = [this.#context, this.#store, this.#text];
      const [declared, types] = [this.#declared, this.#types];
      this.#parseDescribe = new ParseDescribe(out, context, store, text, declared, types);
    }
    sync(out);
  }

  *talk(): Conversation<Statement> {
    if (this.#parseDescribe === undefined) {
      yield* readDescription(this.#context, this.#pending!);
      return this.#pending!;
    }
    yield* this.#parseDescribe.replies();
    return this.#parseDescribe.statement;
  }
}
