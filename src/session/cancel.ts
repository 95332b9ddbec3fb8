/**
 * CancelRequest: a connection of its own, to the same address and under the same TLS policy as the
 * session it is for. Source: manual, "Canceling Requests in Progress".
 */
import type { Settings, Target } from "../config/target.ts";
import { OperationalError } from "../errors/errors.ts";
import { cancelRequest } from "../protocol/frontend.ts";
import { after } from "./alarm.ts";
import { type Attempt, dial } from "./dial.ts";

/** Seconds for the whole of it: a server that does not answer must not make a cancel hang. */
const CANCEL_TIMEOUT = 5;

/**
 * Asks the server to stop what `processId` runs. Resolves when the server has closed the cancel
 * connection: the signal is delivered then and can hit no later request.
 *
 * @throws {OperationalError} the server could not be reached in time.
 */
export async function cancelOnServer(
  settings: Settings,
  target: Target,
  encrypted: boolean,
  key: { readonly processId: number; readonly secretKey: Uint8Array },
): Promise<void> {
  const controller = new AbortController();
  const attempt: Attempt = { signal: controller.signal, stage: "connecting" };
  const silence = after(
    CANCEL_TIMEOUT * 1000,
    () => controller.abort(new OperationalError(`cancel timed out while ${attempt.stage}`)),
  );
  try {
    const wire = await dial(settings, target, encrypted ? "always" : "never", attempt);
    attempt.stage = "waiting for the server to close the cancel connection";
    cancelRequest(wire.out, key.processId, key.secretKey);
    wire.flush();
    await wire.ended();
  } finally {
    silence();
  }
}
