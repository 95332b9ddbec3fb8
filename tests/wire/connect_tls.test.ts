import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type ConnectOptions, OperationalError, ProtocolError } from "../../mod.ts";
import { certificates } from "../_kit/certs.ts";
import {
  answerSsl,
  expect,
  expectClose,
  handshake,
  type Script,
  startTls,
  withServer,
} from "../_kit/scripted_server.ts";
import { reach, rejection } from "./hostile.ts";

const { server, ca } = await certificates();
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
    const error = await rejection(connect(reach(peer, DIRECT)));
    assert.ok(error instanceof ProtocolError);
    assert.match(error.message, /the server did not agree to ALPN protocol postgresql$/);
    assert.equal(peer.received.length, 0);
  }));

test("direct TLS: a server that only speaks something else is refused", async () => {
  const script = [startTls({ ...tls, alpn: ["http/1.1"], fails: true })];
  await withServer(script, async (peer) => {
    const error = await rejection(connect(reach(peer, DIRECT)));
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

test("TLS: the host is what a certificate must be for, unless sslContext names another", async () => {
  const script = [answerSsl("S"), startTls(tls), handshake(), END];
  await withServer(script, async (peer) => {
    const options = { host: "db.example", hostaddr: "127.0.0.1", sslContext: { ca: ca.cert } };
    const sslContext = { ca: ca.cert, servername: "localhost" };
    const db = await connect(reach(peer, { ...options, sslMode: undefined, sslContext }));
    await db.close();
  });
  await withServer([answerSsl("S"), startTls({ ...tls, fails: true })], async (peer) => {
    const options = { host: "db.example", hostaddr: "127.0.0.1", sslContext: { ca: ca.cert } };
    const error = await rejection(connect(reach(peer, { ...options, sslMode: undefined })));
    assert.match(
      error.message,
      /^cannot connect to db\.example \(127\.0\.0\.1\) port \d+: .* not for "db\.example"$/,
    );
  });
});
