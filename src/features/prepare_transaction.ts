import { InternalError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { QueryContext } from "../query/query_context.ts";
import * as transactionSql from "../query/transaction_sql.ts";
import { literalOf } from "./two_phase.ts";

/**
 * Prepares the transaction that is open on `host`, and ends it there. `firstFailure` returns the
 * error of the first statement that failed in it.
 *
 * @throws {InternalError} it was rolled back instead: a statement had failed, or none was open.
 * @throws {DatabaseError} the server has a transaction of that name, or takes none
 * (`max_prepared_transactions`); the transaction is rolled back then.
 */
export async function prepareTransaction(
  host: QueryContext,
  gid: string,
  firstFailure: () => unknown = () => undefined,
): Promise<void> {
  const { executor, defaults } = host;
  const text = transactionSql.prepareTransaction(literalOf(gid));
  const how = own<QueryContext["defaults"]>(defaults, { prepare: false });
  const { command } = await executor.execute(text, [], how);
  if (command === "PREPARE TRANSACTION") return;
  const message = "the transaction was rolled back instead of prepared";
  throw new InternalError(message, { code: "40000", cause: firstFailure() });
}
