/**
 * COPY has a protocol of its own, which an ordinary query cannot speak: the server would wait for data
 * that never comes. So a COPY from STDIN or to STDOUT is refused before it is sent, wherever it stands
 * in the text, and so are the replication commands that copy. What a server begins all the same is
 * ended.
 */
import { InterfaceError, ProtocolError } from "../errors/errors.ts";
import { copyDone, copyFail, sync } from "../protocol/frontend.ts";
import { Backend } from "../protocol/tags.ts";
import type { Session } from "../session/session.ts";
import { clientCopies } from "./copy_grammar.ts";

const HINT = "COPY cannot be run as a query; use copyFrom() or copyTo()";

/**
 * The replication commands that copy. They stand alone in their text, in upper case.
 * Source: repl_scanner.l, `replication_scanner_is_replication_command`.
 */
const REPLICATION = /^\s*(?:START_REPLICATION|BASE_BACKUP|UPLOAD_MANIFEST)\b/;

/**
 * Refuses a COPY before it is sent. `backslashes`: `standard_conforming_strings` is off.
 *
 * @throws {InterfaceError} `text` contains a COPY from STDIN or to STDOUT, or is a replication command
 * that copies.
 */
export function refuseCopy(text: string, backslashes: boolean): void {
  const command = REPLICATION.exec(text)?.[0].trim();
  if (command !== undefined) throw new InterfaceError(streams(command));
  if (clientCopies(text, backslashes).length > 0) throw new InterfaceError(HINT);
}

/**
 * Ends a COPY that the server has begun, and returns the error for its request.
 *
 * @throws {ProtocolError} it cannot be ended in order: other requests were sent behind it, which the
 * server takes for copy data, or it streams both ways, which no extended query does.
 */
export function endCopy(
  session: Session,
  tag: number,
  protocol: "simple" | "extended",
): InterfaceError {
  if (tag === Backend.CopyOutResponse) return new InterfaceError(HINT);
  const isBoth = tag === Backend.CopyBothResponse;
  if (isBoth && protocol === "extended" || session.sent > 1) throw new ProtocolError(HINT);
  if (isBoth) {
    // CopyFail would end the connection. Source: walsender.c, `ProcessRepliesIfAny`.
    session.append(copyDone);
    return new InterfaceError(streams("START_REPLICATION"));
  }
  session.append((out) => {
    copyFail(out, HINT);
    // Sent with the query, the Sync was lost: the server ignores it while it waits for data.
    if (protocol === "extended") sync(out);
  });
  return new InterfaceError(HINT);
}

function streams(command: string): string {
  return `${command} cannot be run as a query; use connectReplication() of @cornac/pg/replication`;
}
