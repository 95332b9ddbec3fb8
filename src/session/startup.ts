/**
 * Makes a wire a ready session: StartupMessage, authentication, parameters, ReadyForQuery.
 * Source: manual, "Start-up" in the protocol's message flow.
 */
import type { Settings } from "../config/settings.ts";
import type { Target } from "../config/target.ts";
import { ProtocolError } from "../errors/errors.ts";
import {
  readBackendKeyData,
  readFields,
  readParameterStatus,
  readTransactionStatus,
} from "../protocol/backend.ts";
import { startupMessage } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import { authenticate } from "./authenticate.ts";
import { ParameterStatuses, type SessionFacts } from "./facts.ts";
import { type Start, startupError, VERSIONS } from "./start.ts";
import type { Wire } from "./wire.ts";

/** The stage at which a server that does not know the protocol version may close the connection. */
export const STARTING = "waiting for the answer to the startup message";

/** Sends the startup message, logs in and waits until the server is ready for queries. */
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

async function untilReady(wire: Wire): Promise<SessionFacts> {
  const parameterStatuses = new ParameterStatuses();
  let key = { processId: 0, secretKey: new Uint8Array(0) };
  for (;;) {
    if (!wire.next()) await wire.pull();
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
