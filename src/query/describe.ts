/**
 * A statement described and not executed: Parse, Describe, Sync.
 */
import type { Writer } from "../bytes/writer.ts";
import { describe, sync } from "../protocol/frontend.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { Kind } from "../protocol/tags.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import { ATTEMPTS } from "./again.ts";
import type { Executor } from "./execute.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { Introduction, readDescription } from "./introduction.ts";
import type { Statement } from "./statement.ts";
import type { StatementPlace } from "./statement_cache.ts";

/** Introduces a statement to the server, or waits for one that is on its way. */
export class Description implements Request<Statement> {
  readonly #executor: Executor;
  readonly #text: string;
  readonly #declared: readonly number[];
  readonly #types: ExecuteOptions["types"];
  #place: StatementPlace | undefined;
  #introduction: Introduction | undefined;
  #coming: Statement | undefined;
  #attempt = 0;

  constructor(executor: Executor, text: string, options: ExecuteOptions) {
    this.#executor = executor;
    this.#text = text;
    this.#declared = options.parameterTypes ?? [];
    this.#types = options.types;
    this.#place = options.prepare === false ? undefined : options.place ?? executor.cache;
  }

  /** The statement, when it is ready already: there is nothing to ask. */
  get known(): Statement | undefined {
    const found = this.#place?.find(this.#text, this.#declared, this.#types);
    return found?.state === "ready" ? found : undefined;
  }

  /**
   * It relied on another query's Parse, which was refused; or a pooler has given us another session,
   * even between Parse and Describe. Then it goes under no name.
   *
   * @throws {StaleStatementError} it was lost, inside a transaction that has failed over it.
   */
  recover(error: unknown, status: TransactionStatus | undefined): boolean {
    const statement = this.#coming ?? this.#introduction?.statement;
    if (statement === undefined || status === undefined || this.#attempt++ === ATTEMPTS) {
      return false;
    }
    const wasLetDown = this.#coming?.state === "failed"
      ? status === "idle"
      : this.#executor.dropStale(statement, error, status, { place: this.#place }, false);
    if (wasLetDown) this.#place = undefined;
    return wasLetDown;
  }

  write(out: Writer): void {
    this.#introduction = undefined;
    this.#coming = this.#place?.find(this.#text, this.#declared, this.#types);
    if (this.#coming !== undefined) describe(out, Kind.Statement, this.#coming.name);
    else {
      const [executor, place, text] = [this.#executor, this.#place, this.#text];
      const [declared, types] = [this.#declared, this.#types];
      this.#introduction = new Introduction(out, executor, place, text, declared, types);
    }
    sync(out);
  }

  *talk(): Conversation<Statement> {
    if (this.#introduction === undefined) {
      yield* readDescription(this.#executor, this.#coming!);
      return this.#coming!;
    }
    yield* this.#introduction.replies();
    return this.#introduction.statement;
  }
}
