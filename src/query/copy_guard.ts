/**
 * COPY has a protocol of its own, which an ordinary query cannot speak. Left alone, the server would
 * wait for data that never comes, so COPY is refused before it is sent; and should one slip through
 * (behind a comment, inside a function), it is ended.
 */
import { InterfaceError, ProtocolError } from "../errors/errors.ts";
import { copyFail, sync } from "../protocol/frontend.ts";
import { Backend } from "../protocol/tags.ts";
import type { Session } from "../session/session.ts";

const COPY = /^\s*copy\b[^;]*\b(stdin|stdout)\b/i;
const HINT = "COPY cannot be run as a query; use copyFrom() or copyTo()";

/**
 * Refuses a COPY before it is sent.
 *
 * @throws {InterfaceError} `text` is a COPY from STDIN or to STDOUT.
 */
export function refuseCopy(text: string): void {
  if (COPY.test(text)) throw new InterfaceError(HINT);
}

/**
 * Ends a COPY that the server has begun, and returns the error for its request.
 *
 * @throws {ProtocolError} it cannot be ended in order: other requests were sent behind it, which the
 * server takes for copy data, or it streams both ways.
 */
export function endCopy(
  session: Session,
  tag: number,
  protocol: "simple" | "extended",
): InterfaceError {
  if (tag === Backend.CopyOutResponse) return new InterfaceError(HINT);
  if (tag === Backend.CopyBothResponse || session.sent > 1) throw new ProtocolError(HINT);
  session.append((out) => {
    copyFail(out, HINT);
    // Sent with the query, the Sync was lost: the server ignores it while it waits for data.
    if (protocol === "extended") sync(out);
  });
  return new InterfaceError(HINT);
}
