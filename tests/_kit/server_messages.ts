/**
 * The server's half of the protocol, for scripts: every function returns the bytes of one message.
 * Written from the manual ("Message Formats") and on purpose without the driver's own code, so that
 * a mistake there cannot hide here. `message(tag, body)` builds anything these do not, right or wrong.
 *
 * @example
 * ```ts
 * send(rowDescription([{ name: "n", typeOid: 23 }]), dataRow(["1"]), commandComplete("SELECT 1"));
 * ```
 */

/** Bytes a script can send; a string stands for its UTF-8. */
export type Bytes = Uint8Array | string;

/** Joins byte runs; strings are encoded as UTF-8. */
export function concat(...parts: readonly Bytes[]): Uint8Array {
  const runs = parts.map((part) =>
    typeof part === "string" ? new TextEncoder().encode(part) : part
  );
  const whole = new Uint8Array(runs.reduce((sum, run) => sum + run.length, 0));
  let at = 0;
  for (const run of runs) {
    whole.set(run, at);
    at += run.length;
  }
  return whole;
}

/** A big-endian 16-bit integer. */
export function int16(value: number): Uint8Array {
  return new Uint8Array([value >> 8, value]);
}

/** A big-endian 32-bit integer. */
export function int32(value: number): Uint8Array {
  return new Uint8Array([value >> 24, value >> 16, value >> 8, value]);
}

/** A string and the NUL byte that ends it. */
export function cstring(text: string): Uint8Array {
  return concat(text, "\0");
}

/** One message: tag, length (computed, unless `length` lies about it), body. */
export function message(tag: string, body: Bytes = "", length?: number): Uint8Array {
  const bytes = concat(body);
  return concat(tag, int32(length ?? bytes.length + 4), bytes);
}

/** AuthenticationOk. */
export function authenticationOk(): Uint8Array {
  return authentication(0);
}

/** AuthenticationCleartextPassword. */
export function authenticationCleartextPassword(): Uint8Array {
  return authentication(3);
}

/** AuthenticationMD5Password with its four bytes of salt. */
export function authenticationMd5Password(salt: Uint8Array): Uint8Array {
  return authentication(5, salt);
}

/** AuthenticationSASL: the mechanisms on offer, in the server's order of preference. */
export function authenticationSasl(mechanisms: readonly string[]): Uint8Array {
  return authentication(10, concat(...mechanisms.map(cstring), "\0"));
}

/** AuthenticationSASLContinue. */
export function authenticationSaslContinue(data: Bytes): Uint8Array {
  return authentication(11, data);
}

/** AuthenticationSASLFinal. */
export function authenticationSaslFinal(data: Bytes): Uint8Array {
  return authentication(12, data);
}

/** Any authentication request by its number (7 GSS, 8 GSS continue, 9 SSPI, …). */
export function authentication(code: number, data: Bytes = ""): Uint8Array {
  return message("R", concat(int32(code), data));
}

/** BackendKeyData; the key has 4 bytes in protocol 3.0 and up to 256 in 3.2. */
export function backendKeyData(
  processId = 4711,
  key: Uint8Array = new Uint8Array([1, 2, 3, 4]),
): Uint8Array {
  return message("K", concat(int32(processId), key));
}

/** ParameterStatus. */
export function parameterStatus(name: string, value: string): Uint8Array {
  return message("S", concat(cstring(name), cstring(value)));
}

/** NegotiateProtocolVersion: the newest minor version spoken and the options not understood. */
export function negotiateProtocolVersion(
  minor: number,
  options: readonly string[] = [],
  major = 3,
): Uint8Array {
  const version = major * 65536 + minor;
  return message("v", concat(int32(version), int32(options.length), ...options.map(cstring)));
}

/** ReadyForQuery: `I` idle, `T` in a transaction block, `E` in a failed one. */
export function readyForQuery(status = "I"): Uint8Array {
  return message("Z", status);
}

/** One column of a RowDescription; everything but the name has a default (a text column). */
export interface Column {
  readonly name: string;
  readonly tableOid?: number;
  readonly columnNumber?: number;
  /** 25, text, by default. */
  readonly typeOid?: number;
  readonly typeSize?: number;
  readonly typeModifier?: number;
  /** 0 text (the default), 1 binary. */
  readonly format?: number;
}

/** RowDescription; a string stands for a text column of that name. */
export function rowDescription(columns: readonly (Column | string)[]): Uint8Array {
  return message("T", concat(int16(columns.length), ...columns.map(field)));
}

function field(column: Column | string): Uint8Array {
  const given: Column = typeof column === "string" ? { name: column } : column;
  return concat(
    cstring(given.name),
    int32(given.tableOid ?? 0),
    int16(given.columnNumber ?? 0),
    int32(given.typeOid ?? 25),
    int16(given.typeSize ?? -1),
    int32(given.typeModifier ?? -1),
    int16(given.format ?? 0),
  );
}

/** DataRow; `null` is SQL's NULL. */
export function dataRow(values: readonly (Bytes | null)[]): Uint8Array {
  return message("D", concat(int16(values.length), ...values.map(lengthAndValue)));
}

function lengthAndValue(value: Bytes | null): Uint8Array {
  if (value === null) return int32(-1);
  const bytes = concat(value);
  return concat(int32(bytes.length), bytes);
}

/** CommandComplete. */
export function commandComplete(command: string): Uint8Array {
  return message("C", cstring(command));
}

/** EmptyQueryResponse. */
export function emptyQueryResponse(): Uint8Array {
  return message("I");
}

/** ParseComplete. */
export function parseComplete(): Uint8Array {
  return message("1");
}

/** BindComplete. */
export function bindComplete(): Uint8Array {
  return message("2");
}

/** CloseComplete. */
export function closeComplete(): Uint8Array {
  return message("3");
}

/** NoData. */
export function noData(): Uint8Array {
  return message("n");
}

/** PortalSuspended. */
export function portalSuspended(): Uint8Array {
  return message("s");
}

/** ParameterDescription: the type oid of each parameter. */
export function parameterDescription(typeOids: readonly number[] = []): Uint8Array {
  return message("t", concat(int16(typeOids.length), ...typeOids.map(int32)));
}

/**
 * ErrorResponse. Fields by the protocol's letters; severity (S, V), code (C) and message (M) have
 * defaults, and a field set to `undefined` is left out.
 */
export function errorResponse(fields: Record<string, string | undefined> = {}): Uint8Array {
  return message(
    "E",
    report({ S: "ERROR", V: "ERROR", C: "XX000", M: "scripted error", ...fields }),
  );
}

/** NoticeResponse; as {@linkcode errorResponse}. */
export function noticeResponse(fields: Record<string, string | undefined> = {}): Uint8Array {
  return message("N", report({ S: "NOTICE", V: "NOTICE", C: "00000", M: "scripted", ...fields }));
}

function report(fields: Record<string, string | undefined>): Uint8Array {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return concat(...present.map(([letter, value]) => cstring(`${letter}${value}`)), "\0");
}

/** NotificationResponse. */
export function notificationResponse(channel: string, payload = "", processId = 1): Uint8Array {
  return message("A", concat(int32(processId), cstring(channel), cstring(payload)));
}

/** CopyInResponse: overall format (0 text, 1 binary) and one format per column. */
export function copyInResponse(format = 0, columns: readonly number[] = [format]): Uint8Array {
  return message("G", copyFormats(format, columns));
}

/** CopyOutResponse; as {@linkcode copyInResponse}. */
export function copyOutResponse(format = 0, columns: readonly number[] = [format]): Uint8Array {
  return message("H", copyFormats(format, columns));
}

/** CopyBothResponse; as {@linkcode copyInResponse}. */
export function copyBothResponse(format = 0, columns: readonly number[] = []): Uint8Array {
  return message("W", copyFormats(format, columns));
}

function copyFormats(format: number, columns: readonly number[]): Uint8Array {
  return concat(new Uint8Array([format]), int16(columns.length), ...columns.map(int16));
}

/** CopyData. */
export function copyData(data: Bytes): Uint8Array {
  return message("d", data);
}

/** CopyDone. */
export function copyDone(): Uint8Array {
  return message("c");
}

/** FunctionCallResponse; `null` is SQL's NULL. */
export function functionCallResponse(value: Bytes | null): Uint8Array {
  return message("V", lengthAndValue(value));
}
