/**
 * From a wire to a ready session: StartupMessage, authentication, parameters, ReadyForQuery.
 * Source: manual, "Start-up" in the protocol's message flow.
 */
import type { Settings, Target } from "../config/target.ts";
import {
  type DatabaseError,
  databaseError,
  NotSupportedError,
  ProtocolError,
  type ServerFields,
} from "../errors/errors.ts";
import { escaped } from "../errors/escaped.ts";
import {
  readBackendKeyData,
  readFields,
  readNegotiateProtocolVersion,
  readParameterStatus,
  readTransactionStatus,
} from "../protocol/backend.ts";
import { startupMessage } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import { authenticate } from "./authenticate.ts";
import type { OAuthRefusal } from "../auth/oauth.ts";
import type { Attempt } from "./dial.ts";
import { ParameterStatuses, type SessionFacts } from "./facts.ts";
import type { Wire } from "./wire.ts";

const VERSIONS = { "3.0": 3 << 16, "3.2": (3 << 16) | 2 } as const;

/** The stage at which a server that does not know the protocol version may just hang up. */
export const STARTING = "waiting for the answer to the startup message";

/** An attempt that is past dialling, and what it finds out on the way. */
export interface Start extends Attempt {
  /** The protocol version to ask for. */
  readonly version: "3.0" | "3.2";
  /** A bearer token, when one was obtained since an earlier attempt. */
  readonly token: string | undefined;
  /** Set when the connection is there: whether it is encrypted. */
  encrypted?: boolean;
  /** Set when the server wants a bearer token and there is none yet. */
  wanted?: OAuthRefusal;
  /** Set when the server let us in, but has another role than was asked for. */
  misfit?: boolean;
}

/** Introduces ourselves and waits until the server is ready for queries. */
export async function startUp(
  wire: Wire,
  settings: Settings,
  target: Target,
  start: Start,
): Promise<SessionFacts> {
  start.stage = STARTING;
  const { user, database } = settings;
  startupMessage(wire.out, VERSIONS[start.version], {
    user,
    ...(database === undefined ? {} : { database }),
    client_encoding: "UTF8",
    ...settings.parameters,
  });
  wire.flush();
  await authenticate(wire, settings, target, start);
  start.stage = "waiting for ReadyForQuery";
  return await untilReady(wire);
}

/**
 * The next message that is neither an error (thrown) nor a notice (of no interest this early). Only
 * the first one, which answers the startup message, may negotiate the protocol's version: down from
 * the one that was asked for.
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

/** An error of a server that has not proved who it is: cut and escaped. */
function startupError(fields: ServerFields): DatabaseError {
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

async function untilReady(wire: Wire): Promise<SessionFacts> {
  const parameterStatuses = new ParameterStatuses();
  let key = { processId: 0, secretKey: new Uint8Array(0) };
  for (;;) {
    await wire.pull();
    const { tag, reader } = wire;
    switch (tag) {
      case Backend.ParameterStatus: {
        const [name, value] = readParameterStatus(reader);
        parameterStatuses.set(name, value);
        break;
      }
      case Backend.BackendKeyData:
        key = readBackendKeyData(reader);
        break;
      case Backend.NoticeResponse:
        readFields(reader);
        break;
      case Backend.ErrorResponse:
        throw startupError(readFields(reader));
      case Backend.ReadyForQuery:
        return { ...key, parameterStatuses, transactionStatus: readTransactionStatus(reader) };
      default:
        throw new ProtocolError(`${backendName(tag)} during startup`);
    }
  }
}
