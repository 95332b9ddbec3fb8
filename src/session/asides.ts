/**
 * The messages that the server may send at any time, between the replies to a request.
 * Source: manual, "Asynchronous Operations" in the protocol's message flow.
 */
import type { Reader } from "../bytes/reader.ts";
import { readFields, readNotification, readParameterStatus } from "../protocol/backend.ts";
import { Backend } from "../protocol/tags.ts";
import type { ParameterStatuses, SessionListener } from "./facts.ts";

/** Takes a notice, a notification or a parameter. Reports whether the message was one of these. */
export function takeAside(
  tag: number,
  reader: Reader,
  statuses: ParameterStatuses,
  listener: SessionListener | undefined,
): boolean {
  switch (tag) {
    case Backend.NoticeResponse:
      listener?.notice(readFields(reader));
      return true;
    case Backend.NotificationResponse:
      listener?.notification(readNotification(reader));
      return true;
    case Backend.ParameterStatus: {
      const [name, value] = readParameterStatus(reader);
      statuses.set(name, value);
      listener?.parameterStatus(name, value);
      return true;
    }
    default:
      return false;
  }
}
