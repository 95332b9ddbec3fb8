/**
 * A statement described and not executed: Parse, Describe, Sync.
 */
import type { Writer } from "../bytes/writer.ts";
import { describe, sync } from "../protocol/frontend.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { Kind } from "../protocol/tags.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import { ATTEMPTS } from "./again.ts";
import type { Executor } from "./executor.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { ParseDescribe, readDescription } from "./parse_describe.ts";
import type { Statement } from "./statement.ts";
import type { StatementStore } from "./statement_cache.ts";

/** Introduces a statement to the server, or waits for one that is on its way. */
export class Description implements Request<Statement> {
  readonly #executor: Executor;
  readonly #text: string;
  readonly #declared: readonly number[];
  readonly #types: ExecuteOptions["types"];
  #store: StatementStore | undefined;
  #parseDescribe: ParseDescribe | undefined;
  #coming: Statement | undefined;
  #attempt = 0;

  constructor(executor: Executor, text: string, options: ExecuteOptions) {
    this.#executor = executor;
    this.#text = text;
    this.#declared = options.parameterTypes ?? [];
    this.#types = options.types;
    this.#store = options.prepare === false ? undefined : options.store ?? executor.cache;
  }

  /** The statement, when it is ready already: there is nothing to ask. */
  get known(): Statement | undefined {
    const found = this.#store?.find(this.#text, this.#declared, this.#types);
    return found?.state === "ready" ? found : undefined;
  }

  /**
   * It relied on another query's Parse, which was refused; or a pooler has given us another session,
   * even between Parse and Describe. Then it goes under no name.
   *
   * @throws {StaleStatementError} it was lost, inside a transaction that has failed over it.
   */
  recover(error: unknown, status: TransactionStatus | undefined): boolean {
    const statement = this.#coming ?? this.#parseDescribe?.statement;
    if (statement === undefined || status === undefined || this.#attempt++ === ATTEMPTS) {
      return false;
    }
    const sharedParseFailed = this.#coming?.state === "failed"
      ? status === "idle"
      : this.#executor.dropStale(statement, error, status, { store: this.#store }, false);
    if (sharedParseFailed) this.#store = undefined;
    return sharedParseFailed;
  }

  write(out: Writer): void {
    this.#parseDescribe = undefined;
    this.#coming = this.#store?.find(this.#text, this.#declared, this.#types);
    if (this.#coming !== undefined) describe(out, Kind.Statement, this.#coming.name);
    else {
      const [executor, store, text] = [this.#executor, this.#store, this.#text];
      const [declared, types] = [this.#declared, this.#types];
      this.#parseDescribe = new ParseDescribe(out, executor, store, text, declared, types);
    }
    sync(out);
  }

  *talk(): Conversation<Statement> {
    if (this.#parseDescribe === undefined) {
      yield* readDescription(this.#executor, this.#coming!);
      return this.#coming!;
    }
    yield* this.#parseDescribe.replies();
    return this.#parseDescribe.statement;
  }
}
