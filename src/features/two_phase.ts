/**
 * Two-phase commit: a transaction is prepared under a name of the caller's choice, and committed or
 * rolled back later, on any connection. Source: manual, PREPARE TRANSACTION, COMMIT PREPARED;
 * twophase.c.
 */
import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { CallOptions } from "../query/options.ts";
import type { QueryContext } from "../query/query_context.ts";
import { quoteLiteral } from "../query/quote.ts";
import * as ownSql from "./late_sql.ts";

/** A transaction that was prepared and neither committed nor rolled back. */
export interface PreparedTransaction {
  /** The name. */
  readonly gid: string;
  /** The time at which it was prepared. */
  readonly prepared: Date;
  /** The role that has prepared it. */
  readonly owner: string;
  /** The database in which alone it can be ended. */
  readonly database: string;
}

/**
 * Commits a prepared transaction.
 *
 * @throws {DatabaseError} there is none of that name (42704), another role owns it, or a
 * transaction is open here.
 */
export async function commitPrepared(
  host: QueryContext,
  gid: string,
  options: CallOptions = {},
): Promise<void> {
  const how = own<QueryContext["defaults"]>(options, { prepare: false });
  await host.executor.call(host, ownSql.commitPrepared(literalOf(gid)), [], how);
}

/**
 * Rolls a prepared transaction back.
 *
 * @throws {DatabaseError} there is none of that name (42704), another role owns it, or a
 * transaction is open here.
 */
export async function rollbackPrepared(
  host: QueryContext,
  gid: string,
  options: CallOptions = {},
): Promise<void> {
  const how = own<QueryContext["defaults"]>(options, { prepare: false });
  await host.executor.call(host, ownSql.rollbackPrepared(literalOf(gid)), [], how);
}

/** Resolves to all prepared transactions of the server, the oldest first. */
export async function recoverPrepared(
  host: QueryContext,
  options: CallOptions = {},
): Promise<PreparedTransaction[]> {
  const rows = await host.executor.call(host, ownSql.PREPARED_TRANSACTIONS, [], options);
  return (rows as unknown as [string, bigint, string, string][]).map(
    ([gid, milliseconds, owner, database]) => ({
      gid,
      prepared: new Date(Number(milliseconds)),
      owner,
      database,
    }),
  );
}

/** Returns the literal of a transaction's name. @throws {InterfaceError} it is no string, or empty. */
export function literalOf(gid: string): string {
  if (typeof gid !== "string" || gid === "") {
    throw new InterfaceError("gid must be a string that is not empty");
  }
  return quoteLiteral(gid);
}
