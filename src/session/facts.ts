import { type DatabaseError, ProtocolError, type ServerFields } from "../errors/errors.ts";
import type { Notification, TransactionStatus } from "../protocol/backend.ts";

/** What startup found out and a session needs to know. */
export interface SessionFacts {
  readonly processId: number;
  readonly secretKey: Uint8Array;
  /** What the server reported so far; the session keeps it up to date. */
  readonly parameterStatuses: ParameterStatuses;
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

/** Parameters that are kept; PostgreSQL 18 reports 15. */
const MOST_PARAMETERS = 1000;
/** Characters of their names and values together that are kept; PostgreSQL 18 reports about 300. */
const MOST_CHARACTERS = 1 << 18;

/** The parameters that the server reports, in their latest values: no more than fit in 256 KiB. */
export class ParameterStatuses extends Map<string, string> {
  #characters = 0;

  /** @throws {ProtocolError} the server reports more than is kept. */
  override set(name: string, value: string): this {
    this.#characters += value.length - (this.get(name)?.length ?? -name.length);
    if (!this.has(name) && this.size >= MOST_PARAMETERS || this.#characters > MOST_CHARACTERS) {
      throw new ProtocolError("too many ParameterStatus messages");
    }
    return super.set(name, value);
  }
}
