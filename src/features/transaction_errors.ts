/** The refusal of queries on a connection while a transaction is open. */
export const TRANSACTION_IS_OPEN =
  "a transaction is open on this connection: run the query on the transaction";

/** The refusal of a transaction after a query has begun one. */
export const ALREADY_OPEN = "a transaction is already open: a query has begun it";
