/**
 * Queries that begin their transactions by themselves, as DB-API requires. BEGIN stands in front of
 * the first query, which the server skips when BEGIN fails. Ordinary statements end a transaction.
 */
import * as ownSql from "../own_sql.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { Request, SessionLock } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import { Beginning, NOTHING } from "./begin.ts";
import { BulkQueries } from "./bulk.ts";
import { within } from "./within.ts";

/** The queries of a session that one caller holds for good. */
export class ImplicitQueries extends BulkQueries {
  readonly #host: QueryContext;
  readonly #session: Session;
  readonly #lock: ImplicitLock;

  /** Takes the lock of the session, and keeps it. */
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

  /** Whether a transaction is open, according to the last answer. */
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

  /** Whether BEGIN stands in front of the next query. It is set when all queries are answered. */
  get isToBegin(): boolean {
    return this.#lock.prelude() !== undefined;
  }

  set isToBegin(wanted: boolean) {
    this.#lock.reset(wanted ? new Beginning(ownSql.begin()) : undefined);
  }
}

/** The lock that these queries hold. */
class ImplicitLock implements SessionLock {
  readonly refusal = "the connection is DB-API's: run the query on it";
  readonly #session: Session;
  #beginning: Beginning | undefined;
  /** The reason why a transaction could not begin. What waits for it is not sent. */
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

  /** Called by the session when a request has failed. */
  failed(error: unknown): void {
    if (this.#beginning?.isDue === true) this.#failure ??= { error };
  }
}
