/** The parts of scripts about cancels: the request that comes, and the error that it causes. */
import { call, close, expect, type Script } from "../_kit/scripted_server.ts";
import { errorResponse } from "../_kit/server_messages.ts";

/** The error of a cancelled statement. */
export const CANCELLED: Uint8Array = errorResponse({
  C: "57014",
  M: "canceling statement due to user request",
});

/** A promise between a script and a test: one fulfils it, the other awaits it. */
export function signal(): { readonly given: Promise<void>; give: () => void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => give = resolve);
  return { given, give };
}

/** Gives a signal when the client's cancel request has come, and closes after `then`. */
export function cancelled(came: () => void, then: Promise<void>): Script {
  return [expect("cancel"), call("came", came), call("until", () => then), close()];
}
