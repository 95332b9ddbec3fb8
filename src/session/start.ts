/** The start of a session: its state, and the messages that the server sends before it is ready. */
import type { OAuthRefusal } from "../auth/oauth.ts";
import type { Settings } from "../config/settings.ts";
import {
  type DatabaseError,
  databaseError,
  NotSupportedError,
  ProtocolError,
  type ServerFields,
} from "../errors/errors.ts";
import { escaped } from "../errors/escaped.ts";
import { readFields, readNegotiateProtocolVersion } from "../protocol/backend.ts";
import { Backend } from "../protocol/tags.ts";
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
  mayNegotiate: Start["version"] | undefined,
): Promise<number> {
  for (;;) {
    await wire.pull();
    switch (wire.tag) {
      case Backend.ErrorResponse:
        throw startupError(readFields(wire.reader));
      case Backend.NoticeResponse:
        readFields(wire.reader);
        break;
      case Backend.NegotiateProtocolVersion:
        if (mayNegotiate === undefined) {
          throw new ProtocolError("NegotiateProtocolVersion came out of order");
        }
        negotiate(wire, settings, mayNegotiate);
        mayNegotiate = undefined;
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

function negotiate(wire: Wire, settings: Settings, asked: Start["version"]): void {
  const { version, unrecognized } = readNegotiateProtocolVersion(wire.reader);
  // Before PostgreSQL 18 the field was sometimes sent as the minor number alone.
  const minor = version & 0xffff;
  if (version >>> 16 !== 3 && version >>> 16 !== 0) {
    throw new ProtocolError(`the server offers protocol version ${version >>> 16}.${minor}`);
  }
  if (unrecognized.length > 0) {
    throw new NotSupportedError(
      `the server does not know the protocol options ${escaped(unrecognized.join(", "))}`,
    );
  }
  if (minor > (VERSIONS[asked] & 0xffff)) {
    throw new ProtocolError(`the server offers protocol 3.${minor}, newer than was asked for`);
  }
  if (minor < (VERSIONS[settings.minProtocolVersion] & 0xffff)) {
    throw new NotSupportedError(
      `the server has only protocol 3.${minor}, minProtocolVersion is ${settings.minProtocolVersion}`,
    );
  }
}
