import { type DatabaseError, ProtocolError, type ServerFields } from "../errors/errors.ts";
import type { Notification, TransactionStatus } from "../protocol/backend.ts";

/** What startup found out and a session needs to know. */
export interface SessionFacts {
  readonly processId: number;
  readonly secretKey: Uint8Array;
  /** What the server reported so far; the session keeps it up to date. */
  readonly parameterStatuses: Map<string, string>;
  readonly transactionStatus: TransactionStatus;
}

/** Limits and clocks of a session; seconds, 0 for none. */
export interface SessionLimits {
  readonly timeout: number;
  readonly closeTimeout: number;
  readonly maxMessageBytes: number;
  readonly maxPipelined: number;
}

/** What arrives beside the replies. A listener that throws is ignored: no request is at fault. */
export interface SessionListener {
  notice(fields: ServerFields): void;
  notification(notification: Notification): void;
  parameterStatus(name: string, value: string): void;
  /** Any request was answered with this error. */
  refused(error: DatabaseError): void;
}

/** A server that reports more than this many parameters is not one. */
const MAX_PARAMETER_STATUSES = 1000;

/**
 * Remembers what the server reports of a parameter.
 *
 * @throws {ProtocolError} it has reported absurdly many.
 */
export function noteParameterStatus(
  statuses: Map<string, string>,
  name: string,
  value: string,
): void {
  statuses.set(name, value);
  if (statuses.size > MAX_PARAMETER_STATUSES) {
    throw new ProtocolError("too many ParameterStatus messages");
  }
}
