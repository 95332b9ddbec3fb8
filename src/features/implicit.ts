/**
 * Queries that begin their transactions by themselves, as DB-API has it: BEGIN goes in front of the
 * first, and the server skips that one should BEGIN fail. What ends them are statements like any other.
 */
import * as ownSql from "../own_sql.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { Request, SessionLock } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import { Beginning, NOTHING } from "./begin.ts";
import { within } from "./block.ts";
import { BulkQueries } from "./bulk.ts";

/** The queries of a session that is theirs for good. */
export class ImplicitQueries extends BulkQueries {
  readonly #host: QueryContext;
  readonly #session: Session;
  readonly #lock: ImplicitLock;

  /** Takes the session's turn, and keeps it. */
  constructor(host: QueryContext) {
    const { session } = host.executor;
    const lock = new ImplicitLock(session);
    const own = within(host, lock);
    super(own);
    this.#host = own;
    this.#session = session;
    this.#lock = lock;
    session.lock = lock;
  }

  /** Whether a transaction is open, as of the last answer. */
  get transactionStatus(): TransactionStatus {
    return this.#session.transactionStatus;
  }

  /** The latest value of each parameter that the server reports. */
  get parameterStatuses(): ReadonlyMap<string, string> {
    return this.#session.parameterStatuses;
  }

  /** The names of the prepared transactions of this database. */
  async preparedHere(): Promise<string[]> {
    const rows = await this.#host.executor.call(this.#host, ownSql.PREPARED_HERE, [], {});
    return (rows as unknown as [string][]).map(([gid]) => gid);
  }

  /** Whether the next query has BEGIN in front; set when all before it are answered. */
  get isToBegin(): boolean {
    return this.#lock.prelude() !== undefined;
  }

  set isToBegin(wanted: boolean) {
    this.#lock.reset(wanted ? new Beginning(ownSql.begin()) : undefined);
  }
}

/** The turn within which they are made. */
class ImplicitLock implements SessionLock {
  readonly refusal = "the connection is DB-API's: run the query on it";
  readonly #session: Session;
  #beginning: Beginning | undefined;
  /** Why it could not begin: what waits for that is not sent. */
  #failure: { readonly error: unknown } | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  get isTransaction(): boolean {
    return this.#beginning !== undefined || this.#session.transactionStatus !== "idle";
  }

  reset(beginning: Beginning | undefined): void {
    this.#beginning = beginning;
    this.#failure = undefined;
  }

  prelude(): Request<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#beginning?.isDue === true ? this.#beginning : undefined;
  }

  begin(): Promise<void> {
    if (this.#beginning?.isDue !== true) return Promise.resolve();
    return this.#session.request(NOTHING, { lock: this });
  }

  /** Told by the session. */
  failed(error: unknown): void {
    if (this.#beginning?.isDue === true) this.#failure ??= { error };
  }
}
