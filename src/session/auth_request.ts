/** The requests for authentication, which a server sends between the startup message and the session. */
import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import { ProtocolError } from "../errors/errors.ts";
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
  { wire, settings, start }: Login,
  mayNegotiate: boolean = false,
): Promise<number> {
  const tag = await nextMessage(wire, settings, start, mayNegotiate);
  if (tag === Backend.Authentication) return wire.reader.int32();
  throw new ProtocolError(`${backendName(tag)} where an Authentication message was due`);
}
