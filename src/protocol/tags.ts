/**
 * The first byte of every message of protocol 3.0 and 3.2, by PostgreSQL's names.
 * Source: manual, "Message Formats".
 */

/** Messages that the server (backend) sends. */
export const Backend = {
  Authentication: 0x52, // R
  BackendKeyData: 0x4b, // K
  BindComplete: 0x32, // 2
  CloseComplete: 0x33, // 3
  CommandComplete: 0x43, // C
  CopyBothResponse: 0x57, // W
  CopyData: 0x64, // d
  CopyDone: 0x63, // c
  CopyInResponse: 0x47, // G
  CopyOutResponse: 0x48, // H
  DataRow: 0x44, // D
  EmptyQueryResponse: 0x49, // I
  ErrorResponse: 0x45, // E
  FunctionCallResponse: 0x56, // V
  NegotiateProtocolVersion: 0x76, // v
  NoData: 0x6e, // n
  NoticeResponse: 0x4e, // N
  NotificationResponse: 0x41, // A
  ParameterDescription: 0x74, // t
  ParameterStatus: 0x53, // S
  ParseComplete: 0x31, // 1
  PortalSuspended: 0x73, // s
  ReadyForQuery: 0x5a, // Z
  RowDescription: 0x54, // T
} as const;

/** Messages that the client (frontend) sends. */
export const Frontend = {
  Bind: 0x42, // B
  Close: 0x43, // C
  CopyData: 0x64, // d
  CopyDone: 0x63, // c
  CopyFail: 0x66, // f
  Describe: 0x44, // D
  Execute: 0x45, // E
  Flush: 0x48, // H
  FunctionCall: 0x46, // F
  Parse: 0x50, // P
  /** PasswordMessage, and also GSSResponse, SASLInitialResponse and SASLResponse. */
  Password: 0x70, // p
  Query: 0x51, // Q
  Sync: 0x53, // S
  Terminate: 0x58, // X
} as const;

/** The second argument of Close and Describe. */
export const Kind = {
  Portal: 0x50, // P
  Statement: 0x53, // S
} as const;

/** Codes in the place of a StartupMessage's protocol version. */
export const RequestCode = {
  Cancel: 80877102,
  Gssenc: 80877104,
  Ssl: 80877103,
} as const;

/** The subtype of an Authentication message that ends the login; `authentication.ts` has the others. */
export const AUTHENTICATION_OK = 0;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Backend).map(([name, tag]) => [tag, name]),
);

/** Reports whether a server may send a message with this tag. */
export function isBackend(tag: number): boolean {
  return NAMES.has(tag);
}

/** Returns a backend message's name for errors; an unknown tag is shown as its byte. */
export function backendName(tag: number): string {
  return NAMES.get(tag) ?? `unknown message 0x${tag.toString(16).padStart(2, "0")}`;
}
