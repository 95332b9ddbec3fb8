/** The queries that read the server's catalogue. */
import { own } from "../errors/own.ts";
import type { SessionLock } from "../session/exchange.ts";
import { catalogQuery, TYPE_OID } from "./catalog_sql.ts";
import type { Context } from "./context.ts";
import type { OwnOptions } from "./execute_options.ts";
import { executeSimple } from "./execute_simple.ts";
import { ExtendedQuery } from "./extended_query.ts";
import type { Result } from "./result.ts";
import { runExtended } from "./run_extended.ts";
import * as transactionSql from "./transaction_sql.ts";
import { undo } from "./undo.ts";

/** Returns the catalogue's rows about types and all that they are made of, asked ahead of all that waits. */
export async function readTypes(
  context: Context,
  oids: readonly number[],
  lock: SessionLock | undefined,
): Promise<readonly unknown[]> {
  const { parameterStatuses, transactionStatus } = context.session;
  const version = Number.parseInt(parameterStatuses.get("server_version") ?? "");
  const query = catalogQuery(version >= 14);
  const ask = (): Promise<Result> =>
    execute(context, query, [`{${oids.join()}}`], own({ lock, ahead: true }));
  return transactionStatus === "transaction" ? await harmless(context, ask, lock) : await ask();
}

/** Returns the OID of a type. @throws {ProgrammingError} there is no such type. */
export async function readOid(
  context: Context,
  name: string,
  lock: SessionLock | undefined,
): Promise<number> {
  const rows: Result<unknown> = await execute(context, TYPE_OID, [name], own({ lock }));
  return (rows[0] as [number])[0];
}

function execute(
  context: Context,
  text: string,
  values: readonly unknown[],
  options: OwnOptions,
): Promise<Result> {
  const how = context.types.driverOptions(options);
  return runExtended(context, new ExtendedQuery(context, text, values, how));
}

/**
 * Runs a query that changes nothing so that its failure does not fail the transaction around it.
 * All of it is sent in one go: no other query gets between the savepoint and its end.
 */
async function harmless<T>(
  context: Context,
  run: () => Promise<T>,
  lock: SessionLock | undefined,
): Promise<T> {
  const name = "cornac_catalog";
  const how = own({ lock, ahead: true });
  const before = executeSimple(context, transactionSql.savepoint(name), how);
  const running = run();
  const after = undo(context, transactionSql.undoSavepoint(name), how);
  await Promise.allSettled([before, running, after]);
  return await running;
}
