import type { Reader } from "../../bytes/reader.ts";
import type { ColumnDescription } from "../../protocol/backend.ts";
import type { FieldDef } from "./result.ts";

/** RowDescription, as a Submittable gets it. */
export interface RowDescriptionMessage {
  /** The name of the message. */
  readonly name: "rowDescription";
  /** The columns. */
  readonly fields: FieldDef[];
}

/** DataRow: texts, bytes of columns in binary format, `null` for NULL. */
export interface DataRowMessage {
  /** The name of the message. */
  readonly name: "dataRow";
  /** The values in column order. */
  readonly fields: (string | Uint8Array | null)[];
}

/** CommandComplete. */
export interface CommandCompleteMessage {
  /** The name of the message. */
  readonly name: "commandComplete";
  /** The command tag. */
  readonly text: string;
}

/** Data of a COPY. */
export interface CopyDataMessage {
  /** The name of the message. */
  readonly name: "copyData";
  /** The bytes. */
  readonly chunk: Uint8Array;
}

/**
 * An object that sends messages by itself once its turn has come, as `pg-cursor` does. `submit()` sends
 * the first messages; the handlers are called with the answers, up to `handleReadyForQuery()`. A handler
 * may declare `connection` as a `Connection`.
 */
export interface Submittable {
  /** Sends the first messages. Returns an error if it cannot. */
  submit(connection: unknown): Error | null | undefined | void;
  /** Called with an error of the server, or of the client. A Sync must be sent after the server's. */
  handleError(error: unknown, connection: unknown): void;
  /** Called when the server is ready for the next query. */
  handleReadyForQuery?(connection: unknown): void;
  /** Called before the rows of a statement. */
  handleRowDescription?(message: RowDescriptionMessage): void;
  /**
   * @internal Called behind `handleRowDescription()`. May return a reader of rows, which are then not
   * passed to `handleDataRow()`.
   */
  _rowReader?(columns: readonly ColumnDescription[]): ((reader: Reader) => void) | undefined;
  /** Called with each row. */
  handleDataRow?(message: DataRowMessage): void;
  /** Called when a portal has more rows than were asked for. */
  handlePortalSuspended?(connection: unknown): void;
  /** Called at the end of a statement. */
  handleCommandComplete?(message: CommandCompleteMessage, connection: unknown): void;
  /** Called for an empty query. */
  handleEmptyQuery?(connection: unknown): void;
  /** Called when the server waits for the data of a COPY. */
  handleCopyInResponse?(connection: unknown): void;
  /** @internal Takes the data of a COPY from a message, in place of `handleCopyData()`. */
  _copyReader?(reader: Reader): Promise<void> | undefined;
  /** Called with data of a COPY. A promise that is returned holds the data that follow. */
  handleCopyData?(message: CopyDataMessage, connection: unknown): Promise<void> | void;
  /** Called once, if the Submittable calls it; the client sets it where it was passed to `query()`. */
  callback?: ((error: unknown, result?: unknown) => void) | undefined;
  /** The result, whose parsers the client chooses. */
  _result?: { _types?: unknown };
  /** Whether values come in binary format. */
  binary?: boolean | undefined;
}
