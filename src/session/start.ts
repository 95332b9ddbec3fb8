/** The start of a session: its state, and the messages that the server sends before it is ready. */
import type { OAuthRefusal } from "../auth/oauth.ts";
import type { Settings } from "../config/settings.ts";
import {
  type DatabaseError,
  databaseError,
  ProtocolError,
  type ServerFields,
} from "../errors/errors.ts";
import { escaped } from "../errors/escaped.ts";
import { loaded } from "../errors/loading.ts";
import { readFields } from "../protocol/backend.ts";
import { Backend } from "../protocol/tags.ts";
import { unlessAborted } from "./deadline.ts";
import type { Attempt } from "./dial.ts";
import type { Wire } from "./wire.ts";

/** The protocol versions as the startup message has them. */
export const VERSIONS: Readonly<Record<"3.0" | "3.2", number>> = {
  "3.0": 3 << 16,
  "3.2": (3 << 16) | 2,
};

/** An attempt after dialling, and the facts that it collects. */
export interface Start extends Attempt {
  /** The protocol version to ask for. */
  readonly version: "3.0" | "3.2";
  /** A bearer token that was obtained after an earlier attempt. */
  readonly token: string | undefined;
  /** Whether the connection is encrypted; set when it is open. */
  encrypted?: boolean;
  /** Set if the server asks for a bearer token and there is none yet. */
  wanted?: OAuthRefusal;
  /** Set if the login succeeded, but the server has another role than was asked for. */
  misfit?: boolean;
}

/**
 * Reads the next message that is not a notice, and returns its tag. Only the answer to the startup
 * message may negotiate the protocol's version, and only to a lower one.
 *
 * @throws the server's error.
 */
export async function nextMessage(
  wire: Wire,
  settings: Settings,
  start: Start,
  mayNegotiate: boolean,
): Promise<number> {
  for (;;) {
    if (!wire.next()) await wire.pull();
    switch (wire.tag) {
      case Backend.ErrorResponse:
        throw startupError(readFields(wire.reader));
      case Backend.NoticeResponse:
        readFields(wire.reader);
        break;
      case Backend.NegotiateProtocolVersion:
        if (!mayNegotiate) {
          throw new ProtocolError("NegotiateProtocolVersion came out of order");
        }
        await negotiate(wire, settings, start);
        mayNegotiate = false;
        break;
      default:
        return wire.tag;
    }
  }
}

/** Makes an error, cut and escaped: the server has not proved its identity yet. */
export function startupError(fields: ServerFields): DatabaseError {
  const safe = Object.entries(fields).map(([letter, text]) => [letter, escaped(text, 1000)]);
  return databaseError(Object.fromEntries(safe));
}

/** Checks the version that the server offers. Its code is loaded for it: few servers offer another one. */
async function negotiate(wire: Wire, settings: Settings, start: Start): Promise<void> {
  const loading = loaded(import("./negotiate.ts"), "the negotiation of the protocol's version");
  (await unlessAborted(loading, start.signal)).negotiate(
    wire.reader,
    settings.minProtocolVersion,
    start.version,
  );
}
