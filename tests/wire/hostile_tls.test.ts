import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type ConnectOptions, OperationalError, ProtocolError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { certificates } from "../_kit/certs.ts";
import {
  answerSsl,
  call,
  close,
  expect,
  expectClose,
  handshake,
  reset,
  type Script,
  scriptedServer,
  send,
  startTls,
  together,
  withServer,
} from "../_kit/scripted_server.ts";
import {
  authenticationOk,
  errorResponse,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { fails, quietly, reach, refusing } from "./hostile.ts";

const { server: tls, otherServer, expired, ca } = await certificates();
const PREFER = { options: { sslMode: "prefer" as const } };
const REQUIRE = { options: { sslMode: "require" as const } };
const FULL = {
  options: { sslMode: "verify-full" as const, host: "localhost", sslRootCert: ca.cert },
};
const PLAINTEXT: readonly Uint8Array[] = [authenticationOk(), readyForQuery()];

refusing([
  {
    name: "has no TLS where it is required",
    script: answerSsl("N"),
    ...REQUIRE,
    failure: fails(OperationalError, /the server does not support TLS$/, "08001"),
  },
  {
    name: "answers SSLRequest with E",
    script: answerSsl("E"),
    ...REQUIRE,
    failure: fails(OperationalError, /the server answered SSLRequest with an error$/, "08001"),
  },
  {
    name: "answers SSLRequest with X",
    script: answerSsl("X"),
    ...REQUIRE,
    failure: fails(
      ProtocolError,
      /the server answered SSLRequest with byte 0x58; is that a PostgreSQL server\?$/,
      "08P01",
    ),
  },
  {
    name: "answers SSLRequest with X where TLS is only preferred",
    script: answerSsl("X"),
    ...PREFER,
    failure: fails(
      ProtocolError,
      /the server answered SSLRequest with byte 0x58; is that a PostgreSQL server\?$/,
      "08P01",
    ),
  },
  {
    name: "closes in place of answering SSLRequest",
    script: [expect("ssl"), close()],
    ...PREFER,
    failure: fails(OperationalError, /connection lost: the server closed it/, "08006"),
  },
  {
    name: "resets in place of answering SSLRequest",
    script: [expect("ssl"), reset()],
    ...REQUIRE,
    failure: fails(OperationalError, /connection lost: .*(reset|ECONNRESET)/i, "08006"),
  },
  {
    name: "agrees to TLS, shakes hands and closes",
    script: [answerSsl("S"), startTls(tls), expect("startup"), close()],
    ...FULL,
    failure: fails(OperationalError, /connection lost/, "08006"),
  },
]);

/** Handshakes that break. Each runtime has its own error; none lets a byte through. */
const BROKEN: readonly { name: string; script: Script; options: ConnectOptions }[] = [
  { name: "agrees to TLS and closes", script: [answerSsl("S"), close()], ...REQUIRE },
  { name: "agrees to TLS and resets", script: [answerSsl("S"), reset()], ...REQUIRE },
  {
    name: "agrees to TLS and continues in plain text",
    script: [answerSsl("S"), call("wait", (peer) => peer.wait(0.01)), send(...PLAINTEXT)],
    ...REQUIRE,
  },
  {
    name: "glues plain text to its S",
    script: [expect("ssl"), send(together("S", ...PLAINTEXT))],
    ...REQUIRE,
  },
  {
    name: "glues plain text to its S where TLS is only preferred",
    script: [expect("ssl"), send(together("S", ...PLAINTEXT))],
    ...PREFER,
  },
  {
    name: "glues one byte to its S and then shakes hands",
    script: [expect("ssl"), send(together("S", "R")), startTls({ ...tls, fails: true })],
    ...REQUIRE,
  },
  {
    name: "presents a certificate of another authority",
    script: [answerSsl("S"), startTls({ ...otherServer, fails: true })],
    ...FULL,
  },
  {
    name: "presents an expired certificate",
    script: [answerSsl("S"), startTls({ ...expired, fails: true })],
    ...FULL,
  },
];

for (const { name, script, options } of BROKEN) {
  test(`hostile TLS: a server that ${name} is refused, and nothing in plain text is sent`, () =>
    quietly(script, async (server) => {
      const error = await failure(connect(reach(server, options)));
      assert.ok(error instanceof OperationalError, `${error.name}: ${error.message}`);
      assert.match(error.message, /^cannot connect to (127\.0\.0\.1|localhost)/);
      assert.equal(server.peers.length, 1, "no second attempt");
      assert.ok(server.received.every(({ tag }) => tag === "ssl"));
    }));
}

test("hostile TLS: bytes injected in plain text never appear in the encrypted session", () =>
  withoutUnhandled(async () => {
    const script = [expect("ssl"), send(together("S", rowDescription(["evil"])))];
    const server = await scriptedServer([...script, startTls({ ...tls, fails: true })]);
    try {
      await assert.rejects(connect(reach(server, REQUIRE.options)), OperationalError);
    } finally {
      await server.close();
    }
  }));

test("hostile TLS: prefer continues without TLS only if the access rules refuse TLS", async () => {
  // deno-fmt-ignore
  const refuses = (code: string): Script => [
    answerSsl("S"), startTls(tls), expect("startup"),
    send(errorResponse({ S: "FATAL", V: "FATAL", C: code, M: `refused ${code}` })), close(),
  ];
  const scripts: Script[] = [refuses("28000"), [handshake(), expect("X"), expectClose()]];
  await withServer((i) => scripts[i], async (server) => {
    const db = await connect(reach(server, PREFER.options));
    assert.equal(server.peers.length, scripts.length);
    assert.equal(server.peers.at(-1)!.received[0]!.tag, "startup");
    await db.close();
  });
  await withServer(refuses("28P01"), async (server) => {
    const error = await failure(connect(reach(server, PREFER.options)));
    assert.equal(error.message, "refused 28P01");
    assert.equal(server.peers.length, 1);
  });
});

test("hostile TLS: a server without TLS is accepted where TLS is only preferred", () =>
  quietly([answerSsl("N"), handshake(), expect("X"), expectClose()], async (server) => {
    const db = await connect(reach(server, PREFER.options));
    await db.close();
  }));
