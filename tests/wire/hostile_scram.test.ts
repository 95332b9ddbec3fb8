import { NotSupportedError, OperationalError, ProtocolError } from "../../mod.ts";
import { scram, type ScramOptions } from "../_kit/scram_server.ts";
import { call, expect, type Script, send } from "../_kit/scripted_server.ts";
import {
  authentication,
  authenticationCleartextPassword,
  authenticationOk,
  authenticationSasl,
  authenticationSaslContinue,
  authenticationSaslFinal,
  cstring,
} from "../_kit/server_messages.ts";
import { fails, refusing } from "./hostile.ts";

const startup: Script = [expect("startup")];
const violation = (phrase: RegExp) => fails(ProtocolError, phrase, "08P01");
const sasl = (options: Partial<ScramOptions>): Script => [
  ...startup,
  scram({ password: "secret", ...options }),
];
// deno-fmt-ignore
const first = (text: string | ((nonce: string) => string)): Script => [
  ...startup, send(authenticationSasl(["SCRAM-SHA-256"])),
  expect("p", ({ body }, peer) => {
    const nonce = /r=(.*)$/.exec(new TextDecoder().decode(body))![1]!;
    peer.notes.set("first", typeof text === "string" ? text : text(nonce));
  }),
  call(
    "server-first",
    (peer) => peer.send(authenticationSaslContinue(peer.notes.get("first") as string)),
  ),
];
const SALT = "s=c2FsdHNhbHQ=";

refusing([
  {
    name: "knows another password (SCRAM)",
    script: sasl({ password: "another", refuses: true }),
    failure: fails(OperationalError, /^password authentication failed$/, "28P01"),
  },
  {
    name: "answers SCRAM with a nonce that is not the client's",
    script: first(`r=bm90IHlvdXJz,${SALT},i=4096`),
    failure: violation(/does not continue the client's nonce/),
  },
  {
    name: "answers SCRAM with the client's nonce and nothing added",
    script: first((nonce) => `r=${nonce},${SALT},i=4096`),
    failure: violation(/does not continue the client's nonce/),
  },
  {
    name: "asks SCRAM for zero iterations",
    script: first((nonce) => `r=${nonce}x,${SALT},i=0`),
    failure: violation(/the iteration count is not a positive number/),
  },
  {
    name: "asks SCRAM for two billion iterations",
    script: first((nonce) => `r=${nonce}x,${SALT},i=2000000000`),
    failure: violation(/asks for more than 10000000 iterations/),
  },
  {
    name: "sends SCRAM a salt that is not base64",
    script: first((nonce) => `r=${nonce}x,s=???,i=4096`),
    failure: violation(/the salt is not base64/),
  },
  {
    name: "sends SCRAM an empty server-first-message",
    script: first(""),
    failure: violation(/malformed SCRAM server-first-message/),
  },
  {
    name: "signs SCRAM without knowing the password",
    script: sasl({ tamperFinal: () => `v=${Buffer.alloc(32).toString("base64")}` }),
    failure: fails(OperationalError, /its SCRAM signature is wrong/, "28P01"),
  },
  {
    name: "signs SCRAM with 31 bytes",
    script: sasl({ tamperFinal: () => `v=${Buffer.alloc(31).toString("base64")}` }),
    failure: violation(/the signature is not 32 bytes in base64/),
  },
  {
    name: "reports a SCRAM error of its own",
    script: sasl({ tamperFinal: () => "e=channel-bindings-dont-match" }),
    failure: fails(OperationalError, /failed SCRAM login: channel-bindings-dont-match/, "28000"),
  },
  {
    name: "accepts the login before its SCRAM signature",
    // deno-fmt-ignore
    script: [
      ...first((nonce) => `r=${nonce}x,${SALT},i=1`),
      expect("p"), send(authenticationOk()),
    ],
    failure: violation(/success before it has proved that it knows the password/),
  },
  {
    name: "accepts the login instead of beginning SCRAM",
    // deno-fmt-ignore
    script: [
      ...startup, send(authenticationSasl(["SCRAM-SHA-256"])),
      expect("p"), send(authenticationOk()),
    ],
    failure: violation(/Authentication message 0 came out of order/),
  },
  {
    name: "ends SCRAM before it has begun",
    // deno-fmt-ignore
    script: [
      ...startup, send(authenticationSasl(["SCRAM-SHA-256"])),
      expect("p"), send(authenticationSaslFinal("v=AAAA")),
    ],
    failure: violation(/Authentication message 12 came out of order/),
  },
  {
    name: "signs SCRAM and then asks for a cleartext password",
    script: [...sasl({}), send(authenticationCleartextPassword())],
    failure: violation(/Authentication message 3 came out of order/),
  },
  {
    name: "offers no known SASL mechanism",
    script: [...startup, send(authenticationSasl(["GS2-KRB5", "PLAIN"]))],
    failure: fails(NotSupportedError, /no SASL mechanism that can be used: GS2-KRB5, PLAIN/),
  },
  {
    name: "offers a list of SASL mechanisms without an end",
    script: [...startup, send(authentication(10, cstring("SCRAM-SHA-256")))],
    failure: violation(/malformed Authentication: a string has no end/),
  },
  {
    name: "offers SCRAM-SHA-256-PLUS without TLS",
    script: [...startup, send(authenticationSasl(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]))],
    failure: violation(/offers SCRAM-SHA-256-PLUS on a connection without TLS/),
  },
].map((one) => ({ ...one, options: { password: "secret" } })));
