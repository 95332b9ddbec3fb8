/** The messages of failed connects, word by word: the same on every runtime. */
import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { connect, type ConnectOptions } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { certificates } from "../_kit/certs.ts";
import { blackHole } from "../_kit/fault_proxy.ts";
import {
  answerSsl,
  expect,
  expectClose,
  handshake,
  reset,
  type Script,
  type ScriptedServer,
  scriptedServer,
  send,
  startTls,
} from "../_kit/scripted_server.ts";
import { authenticationCleartextPassword, errorResponse } from "../_kit/server_messages.ts";
import { reach } from "./hostile.ts";

const { server: identity, wrongHost, ca, client, otherClient } = await certificates();

interface Case {
  readonly what: string;
  readonly options: ConnectOptions;
  /** A server to reach, if there is one. */
  readonly script?: Script;
  /** `PORT` stands for that server's port. */
  readonly message: string;
}

const TLS = { sslMode: "require" } as const;
const hello = (text: string): Script => [expect("startup"), send(text)];

const CASES: readonly Case[] = [
  {
    what: "nothing listens there",
    options: { host: "127.0.0.1", port: 1 },
    message: "cannot connect to 127.0.0.1 port 1: connection refused (ECONNREFUSED)",
  },
  {
    what: "nothing listens there, and TLS was asked for",
    options: { host: "127.0.0.1", port: 1, ...TLS },
    message: "cannot connect to 127.0.0.1 port 1: connection refused (ECONNREFUSED)",
  },
  {
    what: "there is no such Unix socket",
    options: { host: "/nowhere" },
    message:
      "cannot connect to the Unix socket /nowhere/.s.PGSQL.5432: there is no such socket (ENOENT)",
  },
  {
    what: "a Unix socket's path is too long",
    options: { host: `/${"x".repeat(100)}` },
    message: `the Unix socket's path is 115 bytes long, 107 is the most: /${
      "x".repeat(100)
    }/.s.PGSQL.5432`,
  },
  {
    what: "none of several servers is there",
    options: { host: ["127.0.0.1", "/nowhere"], port: [1, 5433] },
    message:
      "no server could be connected to: cannot connect to 127.0.0.1 port 1: connection refused " +
      "(ECONNREFUSED); cannot connect to the Unix socket /nowhere/.s.PGSQL.5433: there is no such " +
      "socket (ENOENT)",
  },
  {
    what: "the server resets the connection",
    script: [expect("startup"), reset()],
    options: {},
    message:
      "cannot connect to 127.0.0.1 port PORT: connection lost: reset by the server (ECONNRESET)",
  },
  {
    what: "it is a server of something else",
    script: hello("HTTP/1.1 400 Bad Request\r\n\r\n"),
    options: {},
    message:
      "cannot connect to 127.0.0.1 port PORT: CopyOutResponse of 1414811695 bytes is over the " +
      "limit of 65536 (before login); is that a PostgreSQL server?",
  },
  {
    what: "it is a server of something else, asked for TLS",
    script: [expect("ssl"), send("HTTP/1.1")],
    options: TLS,
    message: "cannot connect to 127.0.0.1 port PORT: the server answered SSLRequest with byte " +
      "0x48; is that a PostgreSQL server?",
  },
  {
    what: "no version of TLS is common to both",
    script: [answerSsl("S"), startTls({ ...identity, minVersion: "TLSv1.3", fails: true })],
    options: { ...TLS, sslMaxProtocolVersion: "TLSv1.2" },
    message: 'cannot connect to 127.0.0.1 port PORT: the TLS handshake with "127.0.0.1" failed: ' +
      "the server supports none of the allowed TLS versions " +
      "(ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION)",
  },
  {
    what: "the certificate is another host's",
    script: [answerSsl("S"), startTls(wrongHost), expectClose()],
    options: { sslMode: "verify-full", sslRootCert: ca.certPath },
    message: "cannot connect to 127.0.0.1 port PORT: the server's certificate is for " +
      '"wrong.example", not for "127.0.0.1"',
  },
  {
    what: "the client's key is not its certificate's",
    script: [answerSsl("S")],
    options: { ...TLS, sslCert: client.certPath, sslKey: otherClient.keyPath },
    message: "cannot connect to 127.0.0.1 port PORT: the private key does not belong to the " +
      "client certificate",
  },
  {
    what: "a password is missed",
    script: [expect("startup"), send(authenticationCleartextPassword()), expectClose()],
    options: {},
    message: "cannot connect to 127.0.0.1 port PORT: the server asks for a password (password), " +
      "but none was provided",
  },
  {
    what: "the password is wrong",
    // deno-fmt-ignore
    script: [
      expect("startup"), send(authenticationCleartextPassword()), expect("p"),
      send(errorResponse({
        ...{ S: "FATAL", V: "FATAL", C: "28P01" },
        M: 'password authentication failed for user "u"',
      })),
    ],
    options: { password: "hunter2" },
    message: 'password authentication failed for user "u"',
  },
  {
    what: "the server is not of the kind that is wanted",
    script: [handshake(), expect("X")],
    options: { targetSessionAttrs: "standby" },
    message: "cannot connect to 127.0.0.1 port PORT: the server is a primary, but " +
      'targetSessionAttrs is "standby"',
  },
];

for (const { what, options, script, message } of CASES) {
  test(`message: ${what}`, async () => {
    if (script === undefined) {
      const error = await failure(connect({ user: "u", sslMode: "disable", ...options }));
      return assert.equal(error.message, message);
    }
    const server: ScriptedServer = await scriptedServer(script);
    try {
      const error = await failure(connect(reach(server, options)));
      assert.equal(error.message.replaceAll(String(server.port), "PORT"), message);
    } finally {
      await server.close();
    }
  });
}

test("message: it speaks no TLS after all", async () => {
  // Not a scripted server: what it says must come after the ClientHello, which is no message.
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const options = {
      user: "u",
      host: "127.0.0.1",
      port,
      ...TLS,
      sslNegotiation: "direct",
    } as const;
    const error = await failure(connect(options));
    assert.equal(
      error.message,
      `cannot connect to 127.0.0.1 port ${port}: the TLS handshake with "127.0.0.1" failed: ` +
        "the server does not speak TLS (ERR_SSL_WRONG_VERSION_NUMBER)",
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("message: a host is silent", async () => {
  const hole = await blackHole();
  try {
    const error = await failure(connect(reach(hole as never, { connectTimeout: 0.2 })));
    assert.equal(
      error.message,
      `cannot connect to 127.0.0.1 port ${hole.port}: ` +
        "connect timed out after 0.2 s (connectTimeout) while connecting",
    );
  } finally {
    await hole.close();
  }
});

test("message: a name means nothing", async () => {
  // RFC 6761: never resolves; without a network the resolver may only be unable to say so.
  const error = await failure(connect({ host: "nowhere.invalid", user: "u" }));
  assert.match(
    error.message,
    /^cannot connect to nowhere\.invalid port 5432: the name (is not known|cannot be looked up at the moment) \((ENOTFOUND|EAI_AGAIN)\)$/,
  );
});
