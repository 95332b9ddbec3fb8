/**
 * Transactions, whose code is loaded with the first one of a connection. Until it has come, the
 * connection is locked as it is by the transaction itself, which sends nothing before its first query.
 */
import { CALL_OPTIONS, checkOptions, object } from "../errors/checks.ts";
import { InterfaceError } from "../errors/errors.ts";
import { loaded } from "../errors/loading.ts";
import { own } from "../errors/own.ts";
import type { QueryContext } from "../query/query_context.ts";
import { limit, unlessAborted } from "../session/deadline.ts";
import { lockedOut, type SessionLock } from "../session/exchange.ts";
import { codeOf } from "../session/loading.ts";
import type { TransactionOptions } from "./block.ts";
import type { Transaction, TransactionCallback, TransactionRunOptions } from "./transaction.ts";
import { ALREADY_OPEN, TRANSACTION_IS_OPEN } from "./transaction_errors.ts";

const load = () => loaded(import("./transaction.ts"), "transactions");

type Code = Awaited<ReturnType<typeof load>>;

/** Runs `work` in a transaction; see `transaction()` of a connection. */
export function runTransaction<T>(
  host: QueryContext,
  work: TransactionCallback<T>,
  options: TransactionRunOptions = {},
): Promise<T> {
  return withTransactions(host, options, (code, how) => code.runTransaction(host, work, how));
}

/** Begins a transaction that its user ends; see `begin()` of a connection. */
export function beginTransaction(
  host: QueryContext,
  options: TransactionOptions = {},
): Promise<Transaction> {
  return withTransactions(host, options, (code, how) => code.beginTransaction(host, how));
}

function withTransactions<T>(
  host: QueryContext,
  options: TransactionOptions,
  work: (code: Code, options: TransactionOptions) => Promise<T>,
): Promise<T> {
  const code = codeOf(host.executor.session, load);
  return code instanceof Promise ? locked(host, options, code, work) : work(code, options);
}

/** Locks the session until the code has come; `work` takes the lock over. */
async function locked<T>(
  { executor: { session } }: QueryContext,
  options: TransactionOptions,
  loading: Promise<Code>,
  work: (code: Code, options: TransactionOptions) => Promise<T>,
): Promise<T> {
  object("options", options);
  const how = own(options); // the caller may change them while the code is loaded
  const { timeout, signal: given } = how;
  checkOptions({ timeout, signal: given }, CALL_OPTIONS); // the code checks the others
  const { signal, lift } = limit("transaction", timeout, given);
  const lock: SessionLock = { refusal: TRANSACTION_IS_OPEN };
  let code: Code;
  loading.catch(() => {}); // an abort comes first
  try {
    signal?.throwIfAborted();
    if (session.lock !== undefined) throw new InterfaceError(session.lock.refusal);
    if (session.transactionStatus !== "idle" && session.pending === 0) {
      throw new InterfaceError(ALREADY_OPEN);
    }
    session.lock = lock;
    code = await unlessAborted(loading, signal);
    // A pool has taken the connection back.
    if (session.lock !== lock) throw lockedOut(undefined, lock);
  } finally {
    lift();
    if (session.lock === lock) session.lock = undefined;
  }
  return await work(code, how);
}
