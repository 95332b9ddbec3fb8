/** Messages of the server that a client passes to its listeners. */
import type { ServerFields } from "../../errors/errors.ts";
import type { Notification } from "../../protocol/backend.ts";
import { Buffer } from "../node.ts";
import { type ReportFields, reportLength, setFields } from "./database_error.ts";

/** A notice, which the event `notice` has. It is no `Error`. */
export class NoticeMessage implements ReportFields {
  /** The length of the message on the wire, in bytes. */
  readonly length: number;
  /** The message. */
  readonly message: string | undefined;
  /** The kind of message. */
  readonly name = "notice";
  /** The severity, as the server translates it. */
  severity: string | undefined;
  /** The SQLSTATE. */
  code: string | undefined;
  /** Details. */
  detail: string | undefined;
  /** A suggestion. */
  hint: string | undefined;
  /** The position in the text, from 1, in characters. */
  position: string | undefined;
  /** The position in `internalQuery`. */
  internalPosition: string | undefined;
  /** The text of a command that was generated. */
  internalQuery: string | undefined;
  /** The context. */
  where: string | undefined;
  /** The schema of the object. */
  schema: string | undefined;
  /** The table. */
  table: string | undefined;
  /** The column. */
  column: string | undefined;
  /** The data type. */
  dataType: string | undefined;
  /** The constraint. */
  constraint: string | undefined;
  /** The server's source file. */
  file: string | undefined;
  /** The line of the server's source file. */
  line: string | undefined;
  /** The routine of the server. */
  routine: string | undefined;

  /** Creates a notice from the fields of a NoticeResponse. */
  constructor(fields: ServerFields) {
    this.length = reportLength(fields);
    this.message = fields.M;
    setFields(this, fields);
  }
}

/** A notification, which the event `notification` has. */
export class NotificationResponseMessage {
  /** The length of the message on the wire, in bytes. */
  readonly length: number;
  /** The process ID of the backend that notified. */
  readonly processId: number;
  /** The channel. */
  readonly channel: string;
  /** The payload; `""` without one. */
  readonly payload: string;
  /** The kind of message. */
  readonly name = "notification";

  /** Creates a notification. */
  constructor({ channel, payload, processId }: Notification) {
    this.length = 10 + Buffer.byteLength(channel) + Buffer.byteLength(payload);
    this.processId = processId;
    this.channel = channel;
    this.payload = payload;
  }
}
