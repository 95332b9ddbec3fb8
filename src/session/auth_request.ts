/** The requests for authentication, which a server sends between the startup message and the session. */
import type { AuthMethod } from "../config/required_auth.ts";
import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import { OperationalError, ProtocolError } from "../errors/errors.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import { nextMessage, type Start } from "./start.ts";
import type { Wire } from "./wire.ts";

/** The parts of a login. */
export interface Login {
  readonly wire: Wire;
  readonly settings: Settings;
  readonly target: Target;
  readonly start: Start;
}

/** Reads the next Authentication message up to its subtype, and returns that. */
export async function authenticationRequest(
  { wire, settings }: Login,
  mayNegotiate?: Start["version"],
): Promise<number> {
  const tag = await nextMessage(wire, settings, mayNegotiate);
  if (tag === Backend.Authentication) return wire.reader.int32();
  throw new ProtocolError(`${backendName(tag)} where an Authentication message was due`);
}

/**
 * Refuses a method that `requireAuth` does not allow, and all but SCRAM where channel binding is
 * required: only SCRAM-SHA-256-PLUS binds a login to the channel.
 */
export function admit({ settings }: Login, method: AuthMethod): void {
  const { requireAuth, channelBinding } = settings;
  if (requireAuth !== undefined && !requireAuth.methods.has(method)) {
    throw new OperationalError(
      `requireAuth is "${requireAuth.text}", but the server ${ASKS[method]}`,
      { code: "28000" },
    );
  }
  if (channelBinding !== "require" || method === "scram-sha-256") return;
  throw new OperationalError(
    "channel binding is required, but the server did not ask for SCRAM authentication",
    { code: "28000" },
  );
}

const ASKS: Readonly<Record<AuthMethod, string>> = {
  "none": "asks for no authentication",
  "password": "asks for a cleartext password",
  "md5": "asks for an MD5 password",
  "gss": "asks for GSSAPI authentication",
  "sspi": "asks for SSPI authentication",
  "scram-sha-256": "asks for SCRAM authentication",
  "oauth": "asks for an OAuth token",
};
