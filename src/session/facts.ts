import {
  type DatabaseError,
  OperationalError,
  ProtocolError,
  type ServerFields,
} from "../errors/errors.ts";
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

  /**
   * @throws {ProtocolError} the server reports more than is kept.
   * @throws {OperationalError} client_encoding is not UTF8, in which alone text is written and read.
   * It would be garbled silently.
   */
  override set(name: string, value: string): this {
    if (name === "client_encoding" && !UTF8.test(value)) throw otherEncoding(value);
    this.#characters += value.length - (this.get(name)?.length ?? -name.length);
    if (!this.has(name) && this.size >= MOST_PARAMETERS || this.#characters > MOST_CHARACTERS) {
      throw new ProtocolError("too many ParameterStatus messages");
    }
    return super.set(name, value);
  }
}

/** `UNICODE` is PostgreSQL's old name. */
const UTF8 = /^(?:utf-?8|unicode)$/i;

function otherEncoding(value: string): OperationalError {
  const shown = value.slice(0, 64).replace(/[^\w-]/g, "?");
  const message =
    `client_encoding was changed to ${shown}: the driver reads and writes UTF8 only, ` +
    "so the connection is closed";
  return new OperationalError(message, { code: "08006" });
}
