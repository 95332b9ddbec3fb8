/**
 * CancelRequest, by a separate connection to the session's address, under the session's TLS policy.
 * Source: manual, "Canceling Requests in Progress".
 */
import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import { OperationalError } from "../errors/errors.ts";
import { cancelRequest } from "../protocol/frontend.ts";
import { after } from "./alarm.ts";
import { type Attempt, dial } from "./dial.ts";

/** Seconds for a whole cancel, so that a silent server does not make it hang. */
const CANCEL_TIMEOUT = 5;

/**
 * Asks the server to stop the request of backend `processId`. Resolves when the server has closed the
 * cancel connection: the signal has been delivered then, and cannot hit a later request. `sent` is
 * called when the request is on its way: a failure after that leaves open if and when it takes effect.
 *
 * @throws {OperationalError} the server could not be reached in time.
 */
export async function cancelOnServer(
  settings: Settings,
  target: Target,
  encrypted: boolean,
  key: { readonly processId: number; readonly secretKey: Uint8Array },
  sent: () => void,
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
    sent();
    wire.flush();
    await wire.ended();
  } finally {
    silence();
  }
}
