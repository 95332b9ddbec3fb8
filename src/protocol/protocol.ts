/**
 * PostgreSQL's wire protocol 3.0 and 3.2 without I/O: functions that cut bytes into messages, read a
 * server's messages and append a client's. The driver uses them itself.
 *
 * @example
 * ```ts
 * import { Framer, query, readCommandTag, Writer } from "@cornac/pg/protocol";
 *
 * const out = new Writer();
 * query(out, "select 1");
 * const bytes = out.peek(); // to be sent
 *
 * const framer = new Framer(65_536);
 * framer.append(new TextEncoder().encode("C\0\0\0\rSELECT 1\0"));
 * framer.next(); // → true
 * readCommandTag(framer.reader); // → "SELECT 1"
 * ```
 *
 * @module
 */
export { Reader } from "../bytes/reader.ts";
export { Writer } from "../bytes/writer.ts";
export {
  type ColumnDescription,
  type Notification,
  readBackendKeyData,
  readCommandTag,
  readFields,
  readFunctionResult,
  readNotification,
  readParameterDescription,
  readParameterStatus,
  readRowDescription,
  readTransactionStatus,
  type TransactionStatus,
} from "./backend.ts";
export { readCopyResponse } from "./copy_messages.ts";
export { Framer } from "./framer.ts";
export {
  beginBind,
  cancelRequest,
  close,
  copyData,
  copyDone,
  copyFail,
  describe,
  endBind,
  flush,
  functionCall,
  MAX_PARAMETERS,
  parse,
  query,
  sslRequest,
  startupMessage,
  sync,
  terminate,
} from "./frontend.ts";
export {
  passwordMessage,
  readNegotiateProtocolVersion,
  readRest,
  readSaslMechanisms,
  saslInitialResponse,
  saslResponse,
} from "./login_messages.ts";
export { execute } from "./portal_messages.ts";
export { Authentication } from "./authentication.ts";
export { Backend, backendName, Frontend, Kind, RequestCode } from "./tags.ts";
export { ProtocolError, type ServerFields } from "../errors/errors.ts";
