/** NOTIFY, and the names of channels. Source: manual, NOTIFY; async.c. */
import { encodeUtf8 } from "../bytes/well_formed.ts";
import { InterfaceError } from "../errors/errors.ts";
import { CALL_OPTIONS, checkOptions } from "../errors/checks.ts";
import * as ownSql from "../own_sql.ts";
import type { CallOptions } from "../query/options.ts";
import type { QueryContext } from "../query/query_context.ts";
import { quoteIdentifier } from "../query/quote.ts";

/**
 * The longest name in bytes: LISTEN cuts a longer one, `pg_notify` refuses it. Source: NAMEDATALEN
 * - 1.
 */
const MAX_CHANNEL = 63;

/**
 * Sends a notification to the listeners of a channel; in a transaction, when it commits.
 *
 * @throws {InterfaceError} the channel's name is too long or empty.
 * @throws {DatabaseError} the payload has 8,000 bytes or more.
 */
export async function notify(
  host: QueryContext,
  channel: string,
  payload: string,
  options: CallOptions = {},
): Promise<void> {
  checkChannel(channel);
  checkOptions(options, CALL_OPTIONS);
  if (typeof payload !== "string") throw new InterfaceError("the payload must be a string");
  await host.executor.call(host, ownSql.NOTIFY, [channel, payload], options);
}

/**
 * Checks a channel's name.
 *
 * @throws {InterfaceError} it is too long or empty, or has a zero byte or a lone surrogate.
 */
export function checkChannel(name: string): void {
  if (typeof name !== "string" || name === "") {
    throw new InterfaceError("a channel's name must be a string that is not empty");
  }
  if (encodeUtf8(name, "a channel's name").length > MAX_CHANNEL) {
    throw new InterfaceError(`a channel's name cannot be longer than ${MAX_CHANNEL} bytes`);
  }
  quoteIdentifier(name);
}
