import { test } from "node:test";
import {
  connect,
  DatabaseError,
  InterfaceError,
  NotSupportedError,
  OperationalError,
  ProgrammingError,
  ProtocolError,
} from "../../mod.ts";
import { cleartext, md5 } from "../_kit/scram_server.ts";
import {
  close,
  expect,
  expectClose,
  reset,
  type Script,
  send,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  authentication,
  authenticationCleartextPassword,
  authenticationMd5Password,
  authenticationOk,
  authenticationSasl,
  backendKeyData,
  concat,
  cstring,
  errorResponse,
  int32,
  message,
  negotiateProtocolVersion,
  noticeResponse,
  parameterStatus,
  readyForQuery,
} from "../_kit/server_messages.ts";
import { failure } from "../_kit/outcomes.ts";
import { assertFailure, fails, reach, refusing } from "./hostile.ts";

const HUGE = "x".repeat(60_000);
const FORGED = "a\nroot logged in\x1b[31m\u202eb";
const PASSWORD = { password: "secret" };
const startup: Script = [expect("startup")];
const LOST = fails(OperationalError, /: connection lost: the server closed it/, "08006");
const RESET = fails(OperationalError, /: connection lost: .*(reset|ECONNRESET)/i, "08006");
const violation = (phrase: RegExp) => fails(ProtocolError, phrase, "08P01");

refusing([
  { name: "closes before the first byte", script: [...startup, close()], failure: LOST },
  { name: "resets before the first byte", script: [...startup, reset()], failure: RESET },
  {
    name: "closes after AuthenticationOk",
    script: [...startup, send(authenticationOk()), close()],
    failure: LOST,
  },
  {
    name: "closes before ReadyForQuery",
    script: [...startup, send(authenticationOk(), backendKeyData()), close()],
    failure: LOST,
  },
  {
    name: "closes in the middle of a message",
    script: [...startup, send("R\0\0"), close()],
    failure: LOST,
  },
  {
    name: "closes after asking for a password",
    script: [...startup, send(authenticationCleartextPassword()), expect("p"), close()],
    options: PASSWORD,
    failure: LOST,
  },
  {
    name: "resets in the middle of SCRAM",
    script: [...startup, send(authenticationSasl(["SCRAM-SHA-256"])), expect("p"), reset()],
    options: PASSWORD,
    failure: RESET,
  },
  {
    name: "speaks HTTP",
    script: [...startup, send("HTTP/1.1 400 Bad Request\r\n\r\n")],
    failure: violation(/CopyOutResponse of 1414811695 bytes is over the limit of 65536/),
  },
  {
    name: "claims a message over 64 KiB before authentication",
    script: [...startup, send(message("E", "", 65_537))],
    failure: violation(/ErrorResponse of 65537 bytes is over the limit of 65536/),
  },
  {
    name: "claims a message over 64 KiB after authentication but before ReadyForQuery",
    script: [...startup, send(authenticationOk(), message("S", "", 65_537))],
    failure: violation(/ParameterStatus of 65537 bytes is over the limit of 65536/),
  },
  {
    name: "claims a length of zero",
    script: [...startup, send(message("R", "", 0))],
    failure: violation(/malformed Authentication: its length is 0/),
  },
  {
    name: "sends an authentication message without a number",
    script: [...startup, send(message("R", "\0\0"))],
    failure: violation(/malformed Authentication: 4 bytes wanted, 2 left/),
  },
  {
    name: "sends AuthenticationOk with a body",
    script: [...startup, send(authentication(0, "!"))],
    failure: violation(/malformed Authentication: 1 bytes left over/),
  },
  {
    name: "sends an unknown message",
    script: [...startup, send(message("?"))],
    failure: violation(/unknown message 0x3f where an Authentication message was due/),
  },
  {
    name: "sends an unknown message before ReadyForQuery",
    script: [...startup, send(authenticationOk(), message("?"))],
    failure: violation(/unknown message 0x3f during startup/),
  },
  {
    name: "is ready before authentication",
    script: [...startup, send(readyForQuery())],
    failure: violation(/ReadyForQuery where an Authentication message was due/),
  },
  {
    name: "asks for authentication again after AuthenticationOk",
    script: [...startup, send(authenticationOk(), authenticationCleartextPassword())],
    options: PASSWORD,
    failure: violation(/Authentication during startup/),
  },
  {
    name: "asks for another password after the first",
    // deno-fmt-ignore
    script: [
      ...startup, cleartext("secret"),
      send(authenticationMd5Password(new Uint8Array(4))),
    ],
    options: PASSWORD,
    failure: violation(/Authentication message 5 came out of order/),
  },
  {
    name: "asks for MD5 with a salt of three bytes",
    script: [...startup, send(authenticationMd5Password(new Uint8Array(3)))],
    options: PASSWORD,
    failure: violation(/malformed Authentication: 4 bytes wanted, 3 left/),
  },
  ...([[2, "Kerberos V5"], [7, "GSSAPI"], [9, "SSPI"], [99, "an unknown one"]] as const)
    .map(([method, name]) => ({
      name: `asks for authentication method ${method}`,
      script: [...startup, send(authentication(method))],
      failure: fails(NotSupportedError, new RegExp(`not supported: ${method} \\(${name}\\)`)),
    })),
  {
    name: "asks for authentication method 6, SCM credentials",
    script: [...startup, send(authentication(6))],
    failure: fails(NotSupportedError, /not supported: 6/),
  },
  ...([
    ["a cleartext password", authenticationCleartextPassword()],
    ["an MD5 password", authenticationMd5Password(new Uint8Array(4))],
    ["SCRAM", authenticationSasl(["SCRAM-SHA-256"])],
  ] as const).map(([what, request]) => ({
    name: `asks for ${what} where none was given`,
    script: [...startup, send(request)],
    failure: fails(InterfaceError, /password/),
  })),
  {
    name: "refuses the password",
    script: [...startup, cleartext("another", { refuses: true })],
    options: PASSWORD,
    failure: fails(OperationalError, /^password authentication failed$/, "28P01"),
  },
  {
    name: "refuses the MD5 password",
    script: [...startup, md5("u", "another", { refuses: true })],
    options: PASSWORD,
    failure: fails(OperationalError, /^password authentication failed$/, "28P01"),
  },
  {
    name: "knows no such database",
    script: [...startup, send(errorResponse({ V: "FATAL", C: "3D000", M: "no such db" })), close()],
    failure: fails(ProgrammingError, /^no such db$/, "3D000"),
  },
  {
    name: "reports an error without any field",
    script: [...startup, send(message("E", "\0")), close()],
    failure: fails(DatabaseError, /the server reported an error without a message/),
  },
  {
    name: "reports an error after AuthenticationOk",
    // deno-fmt-ignore
    script: [
      ...startup, send(authenticationOk(), noticeResponse()),
      send(errorResponse({ V: "FATAL", C: "53300", M: "too many clients" })), close(),
    ],
    failure: fails(OperationalError, /^too many clients$/, "53300"),
  },
  {
    name: "reports parameters without end",
    // deno-fmt-ignore
    script: [
      ...startup, send(authenticationOk()),
      send(concat(...Array.from({ length: 1100 }, (_, i) => parameterStatus(`p${i}`, "")))),
    ],
    failure: violation(/too many ParameterStatus messages/),
  },
  {
    name: "reports parameters of 300 kB",
    // deno-fmt-ignore
    script: [
      ...startup, send(authenticationOk()),
      send(concat(...Array.from({ length: 6 }, (_, i) => parameterStatus(`p${i}`, HUGE)))),
    ],
    failure: violation(/too many ParameterStatus messages/),
  },
  {
    name: "forges lines of a log in an error",
    script: [
      ...startup,
      send(errorResponse({ V: "FATAL", C: "28000", M: FORGED, H: FORGED })),
      close(),
    ],
    failure: fails(OperationalError, /^a\\nroot logged in\\u\{1b\}\[31m\\u\{202e\}b$/, "28000"),
  },
  {
    name: "forges lines of a log in an error without a length",
    script: [...startup, send(`E${FORGED}\0`), close()],
    failure: fails(OperationalError, /: a\\nroot logged in\\u\{1b\}\[31m\\u\{202e\}b$/, "08004"),
  },
  {
    name: "forges lines of a log in the names of SASL mechanisms, at length",
    script: [...startup, send(authenticationSasl([FORGED, HUGE]))],
    options: PASSWORD,
    failure: fails(NotSupportedError, /can be used: a\\nroot logged in\\u\{1b\}[^\n]{1,200}…$/),
  },
  {
    name: "forges lines of a log in protocol options",
    script: [...startup, send(negotiateProtocolVersion(0, [FORGED, HUGE]))],
    failure: fails(NotSupportedError, /options a\\nroot logged in\\u\{1b\}[^\n]{1,520}…$/),
  },
  {
    name: "reports an error of 60 kB before login",
    script: [...startup, send(errorResponse({ V: "FATAL", C: "53300", M: HUGE })), close()],
    failure: fails(OperationalError, /^x{1000}…$/, "53300"),
  },
  {
    name: "sends an error without a length that never ends",
    script: [...startup, send(`E${HUGE}`)],
    failure: violation(/ErrorResponse of 2021161080 bytes is over the limit of 65536/),
  },
  {
    name: "reports that it cannot start a process, as PostgreSQL does",
    script: [
      ...startup,
      send("Ecould not fork new process for connection: no memory\n\0"),
      close(),
    ],
    failure: fails(
      OperationalError,
      /^cannot connect to .*: could not fork new process for connection: no memory$/,
      "08004",
    ),
  },
  {
    name: "reports a parameter whose value has no end",
    script: [...startup, send(authenticationOk(), message("S", concat(cstring("a"), "b")))],
    failure: violation(/malformed ParameterStatus: a string has no end/),
  },
  {
    name: "sends a secret key of 257 bytes",
    script: [...startup, send(authenticationOk(), backendKeyData(1, new Uint8Array(257)))],
    failure: violation(/malformed BackendKeyData: a secret key of 257 bytes/),
  },
  {
    name: "sends a secret key of three bytes",
    script: [...startup, send(authenticationOk(), backendKeyData(1, new Uint8Array(3)))],
    failure: violation(/malformed BackendKeyData: a secret key of 3 bytes/),
  },
  {
    name: "offers protocol 4.0",
    script: [...startup, send(negotiateProtocolVersion(0, [], 4))],
    failure: violation(/the server offers protocol version 4\.0/),
  },
  {
    name: "offers a newer minor version than was asked for",
    script: [...startup, send(negotiateProtocolVersion(9))],
    failure: violation(/the server offers protocol 3\.9, newer than was asked for/),
  },
  {
    name: "has only an older minor version than will do",
    script: [...startup, send(negotiateProtocolVersion(0))],
    options: { minProtocolVersion: "3.2", maxProtocolVersion: "3.2" },
    failure: fails(NotSupportedError, /only protocol 3\.0, minProtocolVersion is 3\.2/),
  },
  {
    name: "does not know protocol options that were not sent",
    script: [...startup, send(negotiateProtocolVersion(0, ["_pq_.x", "_pq_.y"]))],
    failure: fails(NotSupportedError, /does not know the protocol options _pq_\.x, _pq_\.y/),
  },
  {
    name: "negotiates the protocol version twice",
    script: [...startup, send(negotiateProtocolVersion(0), negotiateProtocolVersion(0))],
    options: { maxProtocolVersion: "3.2" },
    failure: violation(/NegotiateProtocolVersion/),
  },
  {
    name: "claims a billion unknown protocol options",
    script: [...startup, send(message("v", concat(int32(3 << 16), int32(1_000_000_000))))],
    failure: violation(/malformed NegotiateProtocolVersion: 1000000000 items do not fit/),
  },
]);

test("hostile server at startup: sends notices without end", () => {
  const notices = Array.from({ length: 60 }, () => noticeResponse({ M: HUGE }));
  return withServer([...startup, send(...notices), expectClose()], async (server) => {
    const limit = violation(/the server sent more than 2097152 bytes before login/);
    assertFailure(await failure(connect(reach(server))), limit);
  });
});
