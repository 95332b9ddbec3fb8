/** Messages of the server that a client passes to its listeners. */
import type { ServerFields } from "../../errors/errors.ts";
import type { Notification } from "../../protocol/backend.ts";
import { Buffer } from "../node.ts";
import { type ReportFields, reportLength, setFields } from "./database_error.ts";

/** A notice, which the event `notice` has. It is no `Error`. */
export class NoticeMessage implements ReportFields {
  /** The length of the message on the wire, in bytes. */
  readonly length: number;
  readonly message: string | undefined;
  readonly name = "notice";
  severity: string | undefined;
  code: string | undefined;
  detail: string | undefined;
  hint: string | undefined;
  position: string | undefined;
  internalPosition: string | undefined;
  internalQuery: string | undefined;
  where: string | undefined;
  schema: string | undefined;
  table: string | undefined;
  column: string | undefined;
  dataType: string | undefined;
  constraint: string | undefined;
  file: string | undefined;
  line: string | undefined;
  routine: string | undefined;

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
  readonly channel: string;
  /** The payload; `""` without one. */
  readonly payload: string;
  readonly name = "notification";

  constructor({ channel, payload, processId }: Notification) {
    this.length = 10 + Buffer.byteLength(channel) + Buffer.byteLength(payload);
    this.processId = processId;
    this.channel = channel;
    this.payload = payload;
  }
}
