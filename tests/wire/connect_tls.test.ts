import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  type ConnectOptions,
  OperationalError,
  ProtocolError,
  type TlsOptions,
} from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { certificates, PASSPHRASE } from "../_kit/certs.ts";
import {
  answerSsl,
  expect,
  expectClose,
  handshake,
  type Peer,
  type Script,
  startTls,
  withServer,
} from "../_kit/scripted_server.ts";
import type { ServerTls } from "../_kit/tls_bridge.ts";
import { reach } from "./hostile.ts";

const { server, ca, otherCa, otherServer, wrongHost, p384, client, clientEncrypted } =
  await certificates();
const tls = { cert: server.cert, key: server.key };
const DIRECT: ConnectOptions = { sslMode: "require", sslNegotiation: "direct" };
const END: Script = [expect("X"), expectClose()];

test("direct TLS: begins with the first byte and agrees to ALPN postgresql", () =>
  withServer([startTls({ ...tls, alpn: ["postgresql"] }), handshake(), END], async (peer) => {
    const db = await connect(reach(peer, DIRECT));
    assert.equal(peer.received[0]!.tag, "startup");
    await db.close();
  }));

test("direct TLS: a server that agrees to no protocol is refused before a byte is sent", () =>
  withServer([startTls({ ...tls, fails: true })], async (peer) => {
    const error = await failure(connect(reach(peer, DIRECT)));
    assert.ok(error instanceof ProtocolError);
    assert.match(error.message, /the server did not agree to ALPN protocol postgresql$/);
    assert.equal(peer.received.length, 0);
  }));

test("direct TLS: a server that speaks only another protocol is refused", async () => {
  const script = [startTls({ ...tls, alpn: ["http/1.1"], fails: true })];
  await withServer(script, async (peer) => {
    const error = await failure(connect(reach(peer, DIRECT)));
    assert.ok(error instanceof OperationalError);
    assert.equal(peer.received.length, 0);
  });
});

test("TLS: a Unix socket is encrypted when sslContext demands it", () =>
  withServer([answerSsl("S"), startTls(tls), handshake(), END], async (peer) => {
    const db = await connect({
      unixSock: peer.path,
      user: "u",
      sslContext: { ca: ca.cert },
    });
    await db.close();
  }, { unix: true }));

/** The fields of sslContext, their effect on the server, and a server that is refused for each. */
const FIELDS: readonly {
  readonly field: string;
  readonly context: TlsOptions;
  readonly server?: Partial<ServerTls>;
  readonly seen?: (peer: Peer) => void;
  readonly refused?: { readonly server: Partial<ServerTls>; readonly phrase: RegExp };
}[] = [
  {
    field: "ca",
    context: { ca: [otherCa.cert, ca.cert] },
    refused: { server: p384, phrase: /trusted|root/ },
  },
  {
    field: "rejectUnauthorized",
    context: { rejectUnauthorized: false },
    server: otherServer,
  },
  {
    field: "cert and key",
    context: { cert: client.cert, key: new TextEncoder().encode(client.key) },
    server: { clientCa: ca.cert },
    seen: ({ tls }) => assert.equal(tls!.getPeerCertificate().subject.CN, "u_cert"),
  },
  {
    field: "passphrase",
    context: {
      ...{ cert: clientEncrypted.cert, key: clientEncrypted.key, passphrase: PASSPHRASE },
    },
    server: { clientCa: ca.cert },
    seen: ({ tls }) => assert.equal(tls!.getPeerCertificate().subject.CN, "u_cert"),
  },
  {
    field: "servername",
    context: { servername: "wrong.example" },
    server: wrongHost,
    seen: ({ tls }) => assert.equal(tls!.servername, "wrong.example"),
    refused: { server: {}, phrase: /not for "wrong\.example"$/ },
  },
  {
    field: "checkServerIdentity",
    context: { checkServerIdentity: () => undefined },
    server: wrongHost,
  },
  {
    field: "minVersion",
    context: { minVersion: "TLSv1.3" },
    seen: ({ tls }) => assert.equal(tls!.getProtocol(), "TLSv1.3"),
    refused: { server: { maxVersion: "TLSv1.2" }, phrase: /none of the allowed TLS versions/ },
  },
  {
    field: "maxVersion",
    context: { maxVersion: "TLSv1.2" },
    seen: ({ tls }) => assert.equal(tls!.getProtocol(), "TLSv1.2"),
    refused: { server: { minVersion: "TLSv1.3" }, phrase: /none of the allowed TLS versions/ },
  },
  {
    field: "alpn",
    context: { alpn: ["other", "postgresql"] },
    server: { alpn: ["postgresql"] },
    seen: ({ tls }) => assert.equal(tls!.alpnProtocol, "postgresql"),
    refused: { server: { alpn: ["http/1.1"] }, phrase: /TLS handshake/ },
  },
];

for (const { field, context, server: more, seen, refused } of FIELDS) {
  const sslContext = context.rejectUnauthorized === false ? context : { ca: ca.cert, ...context };
  test(`TLS: sslContext.${field} takes effect`, async () => {
    const script = [answerSsl("S"), startTls({ ...tls, ...more }), handshake(), END];
    await withServer(script, async (peer) => {
      const db = await connect(reach(peer, { sslMode: undefined, sslContext }));
      seen?.(peer.peers[0]!);
      await db.close();
    });
    if (refused === undefined) return;
    const refusing = [answerSsl("S"), startTls({ ...tls, ...refused.server, fails: true })];
    await withServer(refusing, async (peer) => {
      const error = await failure(connect(reach(peer, { sslMode: undefined, sslContext })));
      assert.ok(error instanceof OperationalError, String(error));
      assert.match(error.message, refused.phrase);
    });
  });
}

test("TLS: a certificate must be for the host, unless sslContext names another one", async () => {
  const script = [answerSsl("S"), startTls(tls), handshake(), END];
  await withServer(script, async (peer) => {
    const options = { host: "db.example", hostaddr: "127.0.0.1", sslContext: { ca: ca.cert } };
    const sslContext = { ca: ca.cert, servername: "localhost" };
    const db = await connect(reach(peer, { ...options, sslMode: undefined, sslContext }));
    await db.close();
  });
  await withServer([answerSsl("S"), startTls({ ...tls, fails: true })], async (peer) => {
    const options = { host: "db.example", hostaddr: "127.0.0.1", sslContext: { ca: ca.cert } };
    const error = await failure(connect(reach(peer, { ...options, sslMode: undefined })));
    assert.match(
      error.message,
      /^cannot connect to db\.example \(127\.0\.0\.1\) port \d+: .* not for "db\.example"$/,
    );
  });
});

test("TLS: a server without TLS may offer it later, and refuse it again", async () => {
  const plain: Script = [answerSsl("N"), handshake(), END];
  const encrypted: Script = [answerSsl("S"), startTls(tls), handshake(), END];
  const scripts = [plain, plain, encrypted, encrypted, plain, plain, encrypted];
  await withServer((i) => scripts[i], async (peer) => {
    for (let i = 0; i < scripts.length; i++) {
      const sslMode = i === scripts.length - 1 ? "require" : "prefer";
      const db = await connect(reach(peer, { sslMode }));
      await db.close();
      assert.equal(peer.peers[i]!.tls !== undefined, scripts[i] === encrypted, `${i}`);
    }
  });
});
