import {
  type DatabaseError,
  OperationalError,
  ProtocolError,
  type ServerFields,
} from "../errors/errors.ts";
import type { Notification, TransactionStatus } from "../protocol/backend.ts";

/** The facts of a new session. */
export interface SessionFacts {
  readonly processId: number;
  readonly secretKey: Uint8Array;
  /** The parameters that the server has reported; the session updates them. */
  readonly parameterStatuses: ParameterStatuses;
  readonly transactionStatus: TransactionStatus;
}

/** The limits of a session. Times are seconds; 0 is no limit. */
export interface SessionLimits {
  readonly timeout: number;
  readonly closeTimeout: number;
  readonly maxMessageBytes: number;
  readonly maxPipelined: number;
}

/** A listener for messages beside the replies. */
export interface SessionListener {
  notice(fields: ServerFields): void;
  notification(notification: Notification): void;
  parameterStatus(name: string, value: string): void;
  /** A request was answered with an error. */
  refused(error: DatabaseError): void;
}

/** Parameters that are kept; PostgreSQL 18 reports 15. */
const MOST_PARAMETERS = 1000;
/** Characters of their names and values together that are kept; PostgreSQL 18 reports about 300. */
const MOST_CHARACTERS = 1 << 18;

/** The latest values of the parameters that the server reports; at most 256 KiB are kept. */
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
