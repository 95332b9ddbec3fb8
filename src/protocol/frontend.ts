/**
 * The client's half of the protocol: each function appends one whole message to a writer, in the
 * order of the manual's "Message Formats". The functions neither send nor wait, and keep no state.
 */
import { Writer } from "../bytes/writer.ts";
import { Frontend, RequestCode } from "./tags.ts";

/** The most parameters of one Bind, which has an unsigned 16-bit count. */
export const MAX_PARAMETERS = 65_535;

/** Appends StartupMessage; `version` is `(major << 16) | minor`. */
export function startupMessage(
  out: Writer,
  version: number,
  parameters: Readonly<Record<string, string>>,
): void {
  const at = out.lengthHere();
  out.int32(version);
  for (const [name, value] of Object.entries(parameters)) {
    out.cstring(name, "a startup parameter's name");
    out.cstring(value, `startup parameter ${name}`);
  }
  out.uint8(0);
  out.endMessage(at);
}

/** Appends SSLRequest; the server answers with a single byte, `S` or `N`. */
export function sslRequest(out: Writer): void {
  out.int32(8);
  out.int32(RequestCode.Ssl);
}

/** Appends CancelRequest, the only message of its connection. */
export function cancelRequest(out: Writer, processId: number, secretKey: Uint8Array): void {
  out.int32(12 + secretKey.length);
  out.int32(RequestCode.Cancel);
  out.int32(processId);
  out.bytes(secretKey);
}

/** Appends Query, of the simple protocol. */
export function query(out: Writer, text: string): void {
  const at = out.beginMessage(Frontend.Query);
  out.cstring(text, "the query");
  out.endMessage(at);
}

/** Appends Parse; `parameterTypes` are OIDs, 0 for the server's choice, and trailing ones are optional. */
export function parse(
  out: Writer,
  statement: string,
  text: string,
  parameterTypes: readonly number[],
): void {
  const at = out.beginMessage(Frontend.Parse);
  out.cstring(statement, "the statement's name");
  out.cstring(text, "the query");
  out.int16(parameterTypes.length);
  for (const oid of parameterTypes) out.int32(oid);
  out.endMessage(at);
}

/** Appends Describe of a statement or a portal (`Kind`). */
export function describe(out: Writer, kind: number, name: string): void {
  const at = out.beginMessage(Frontend.Describe);
  out.uint8(kind);
  out.cstring(name, "the name to describe");
  out.endMessage(at);
}

/**
 * Begins a Bind and returns the index for {@linkcode endBind}. Between the two calls, the caller
 * appends the parameters' formats and values.
 */
export function beginBind(out: Writer, portal: string, statement: string): number {
  const at = out.beginMessage(Frontend.Bind);
  out.cstring(portal, "the portal's name");
  out.cstring(statement, "the statement's name");
  return at;
}

/** Returns the bytes that {@linkcode beginBind} appends, for {@linkcode beginBindAgain}. */
export function bindHead(portal: string, statement: string): Uint8Array {
  const out = new Writer(128);
  beginBind(out, portal, statement);
  return out.detach();
}

/** Begins a Bind as {@linkcode beginBind} does, with the bytes of one before. */
export function beginBindAgain(out: Writer, head: Uint8Array): number {
  const at = out.length + 1;
  out.bytes(head);
  return at;
}

/** Ends a Bind with the formats of the results; none means text for all. */
export function endBind(out: Writer, at: number, resultFormats: readonly number[]): void {
  out.int16(resultFormats.length);
  for (const format of resultFormats) out.int16(format);
  out.endMessage(at);
}

/** Appends Close of a statement or a portal (`Kind`). */
export function close(out: Writer, kind: number, name: string): void {
  const at = out.beginMessage(Frontend.Close);
  out.uint8(kind);
  out.cstring(name, "the name to close");
  out.endMessage(at);
}

/** Appends CopyData. */
export function copyData(out: Writer, data: Uint8Array): void {
  const at = out.beginMessage(Frontend.CopyData);
  out.bytes(data);
  out.endMessage(at);
}

/** Appends CopyFail with the reason that the server will report. */
export function copyFail(out: Writer, reason: string): void {
  const at = out.beginMessage(Frontend.CopyFail);
  out.cstring(reason.replaceAll("\0", "").toWellFormed(), "the reason");
  out.endMessage(at);
}

/** Appends CopyDone. */
export function copyDone(out: Writer): void {
  out.bytes(COPY_DONE);
}

/** Appends Flush; the server sends its pending replies. */
export function flush(out: Writer): void {
  out.bytes(FLUSH);
}

/** Appends Sync, which ends a request; the server answers with ReadyForQuery. */
export function sync(out: Writer): void {
  out.bytes(SYNC);
}

/** Appends Terminate; the server closes the connection. */
export function terminate(out: Writer): void {
  out.bytes(TERMINATE);
}

/** Appends FunctionCall with binary arguments and a binary result. */
export function functionCall(
  out: Writer,
  oid: number,
  parameters: readonly (Uint8Array | null)[],
): void {
  const at = out.beginMessage(Frontend.FunctionCall);
  out.int32(oid);
  out.int16(1);
  out.int16(1);
  out.int16(parameters.length);
  for (const value of parameters) {
    out.int32(value === null ? -1 : value.length);
    if (value !== null) out.bytes(value);
  }
  out.int16(1);
  out.endMessage(at);
}

const bare = (tag: number): Uint8Array => Uint8Array.of(tag, 0, 0, 0, 4);
const COPY_DONE: Uint8Array = bare(Frontend.CopyDone);
const FLUSH: Uint8Array = bare(Frontend.Flush);
const SYNC: Uint8Array = bare(Frontend.Sync);
const TERMINATE: Uint8Array = bare(Frontend.Terminate);

/** An Execute of the unnamed portal without a row limit. */
export const EXECUTE_ALL: Uint8Array = Uint8Array.of(Frontend.Execute, 0, 0, 0, 9, 0, 0, 0, 0, 0);

/** {@linkcode EXECUTE_ALL} and Sync, the end of most requests. */
export const EXECUTE_ALL_AND_SYNC: Uint8Array = Uint8Array.of(...EXECUTE_ALL, ...SYNC);
