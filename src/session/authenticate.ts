import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import { loaded } from "../errors/loading.ts";
import { AUTHENTICATION_OK } from "../protocol/tags.ts";
import { authenticationRequest } from "./auth_request.ts";
import { unlessAborted } from "./deadline.ts";
import type { Start } from "./start.ts";
import type { Wire } from "./wire.ts";

/** Reads the server's request, and logs in if it asks for that; returns at AuthenticationOk. */
export async function authenticate(
  wire: Wire,
  settings: Settings,
  target: Target,
  start: Start,
): Promise<void> {
  const login = { wire, settings, target, start };
  const method = await authenticationRequest(login, true);
  start.stage = "authenticating";
  const { requireAuth, channelBinding } = settings;
  const isFree = requireAuth === undefined && channelBinding !== "require";
  if (method === AUTHENTICATION_OK && isFree) return wire.reader.finish();
  const { logIn } = await unlessAborted(loginCode(), start.signal);
  await logIn(login, method);
}

/** Begins to load the code of logins while the server is dialled, where it is likely to ask for one. */
export function prepareLogin({ password }: Target): void {
  if (password !== undefined) loginCode().catch(() => {});
}

function loginCode(): Promise<typeof import("./login.ts")> {
  return loaded(import("./login.ts"), "the code for logins");
}
