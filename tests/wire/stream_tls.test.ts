import "reflect-metadata";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from "node:tls";
import { X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { InterfaceError, NotSupportedError, OperationalError } from "../../src/errors/errors.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Address, Stream, TlsFacts, TlsSettings } from "../../src/runtime/runtime.ts";
import { certificates, PASSPHRASE } from "../_kit/certs.ts";
import { listen, type Listener, readAll, readSome, TestSink } from "../_kit/streams.ts";

const TIMEOUT = { timeout: 20_000 };
const IS_DENO = "Deno" in globalThis;
const NOT_DENO = { ...TIMEOUT, skip: IS_DENO && "Deno cannot check revocation lists" };
const ONLY_DENO = { ...TIMEOUT, skip: !IS_DENO && "revocation lists are checked here" };

const NONE: TlsSettings = {
  verify: "none",
  serverName: "localhost",
  sni: true,
  needsCertificate: false,
};

async function settings(more: Partial<TlsSettings> = {}): Promise<TlsSettings> {
  const { ca } = await certificates();
  return { ...NONE, verify: "full", ca: [ca.cert], ...more };
}

/** A server that answers a byte with `S` and then speaks TLS. */
interface TlsListener extends Listener {
  /** The next connection that shook hands, paused. */
  secured(): Promise<TLSSocket & { servername?: string | false }>;
  /** The plain sockets behind the connections, in order. */
  readonly raw: Socket[];
}

async function listenTls(
  options: TlsOptions = {},
  path?: string,
  answer = "S",
): Promise<TlsListener> {
  const { server } = await certificates();
  const waiting: TLSSocket[] = [];
  const all: Socket[] = [];
  let wake = () => {};
  const inner = createTlsServer({ cert: server.cert, key: server.key, ...options }, (socket) => {
    socket.on("error", () => {});
    socket.pause();
    waiting.push(socket);
    wake();
  });
  inner.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => inner.listen(0, "127.0.0.1", resolve));
  const address = inner.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const front = await listen(path);
  const serve = async () => {
    for (;;) {
      const raw = await front.accept();
      all.push(raw);
      bridge(raw, port, answer).then((socket) => all.push(socket));
    }
  };
  serve();
  return {
    ...front,
    raw: all,
    async secured() {
      while (waiting.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return waiting.shift()!;
    },
    close() {
      front.close();
      inner.close();
      for (const socket of [...all, ...waiting]) socket.destroy();
    },
  };
}

async function bridge(raw: Socket, port: number, answer: string): Promise<Socket> {
  await readSome(raw);
  raw.pause();
  raw.write(answer);
  const inner = connectSocket({ port, host: "127.0.0.1" });
  inner.on("error", () => raw.destroy());
  inner.on("close", () => raw.destroy());
  raw.on("close", () => inner.destroy());
  inner.pipe(raw);
  raw.pipe(inner);
  return inner;
}

interface Dialled {
  readonly stream: Stream;
  readonly sink: TestSink;
  readonly facts: TlsFacts;
}

/** Dials, asks for TLS as the session does, and shakes hands. */
async function dial(address: Address, tls: TlsSettings, signal?: AbortSignal): Promise<Dialled> {
  const runtime = await detectRuntime();
  const stream = await runtime.connect(address, { tls });
  try {
    assert.equal(stream.canSecure(tls), true);
    const sink = new TestSink();
    sink.window = sink.limit = 1;
    stream.start(sink);
    await stream.write(new Uint8Array([63]));
    await sink.until(() => sink.total === 1 || sink.losses.length === 1);
    assert.equal(sink.text(), "S");
    const facts = await stream.secure(tls, signal);
    sink.window = 65_536;
    sink.limit = Infinity;
    return { stream, sink, facts };
  } catch (cause) {
    stream.destroy();
    throw cause;
  }
}

function local(listener: Listener): Address {
  return { kind: "tcp", host: "127.0.0.1", port: listener.port };
}

async function withServer(
  options: TlsOptions,
  use: (listener: TlsListener) => Promise<void>,
): Promise<void> {
  const listener = await listenTls(options);
  try {
    await use(listener);
  } finally {
    listener.close();
  }
}

/** Shakes hands with a server of these options and sends a byte both ways. */
async function accepted(options: TlsOptions, tls: TlsSettings): Promise<TlsFacts> {
  let told: TlsFacts = {};
  await withServer(options, async (listener) => {
    const { stream, sink, facts } = await dial(local(listener), tls);
    const peer = await listener.secured();
    stream.resume();
    await stream.write(new TextEncoder().encode("ping"));
    assert.equal(await readSome(peer, 4), "ping");
    peer.write("pong");
    await sink.until(() => sink.total === 5);
    assert.equal(sink.text(), "Spong");
    await stream.close();
    told = facts;
  });
  return told;
}

async function refused(
  options: TlsOptions,
  tls: TlsSettings,
  message: RegExp,
  Class: new (message: string) => Error = OperationalError,
): Promise<void> {
  await withServer(options, async (listener) => {
    await assert.rejects(dial(local(listener), tls), (cause) => {
      assert.ok(cause instanceof Class, String(cause));
      assert.match(cause.message, message);
      return true;
    });
  });
}

test("verify none accepts a certificate of an unknown root for another host", TIMEOUT, async () => {
  const { otherServer, wrongHost } = await certificates();
  await accepted(otherServer, NONE);
  await accepted(wrongHost, NONE);
});

test("verify ca accepts a certificate for another host", TIMEOUT, async () => {
  const { wrongHost } = await certificates();
  await accepted(wrongHost, await settings({ verify: "ca" }));
});

test("verify ca refuses a certificate of an unknown root", TIMEOUT, async () => {
  const { otherServer } = await certificates();
  await refused(otherServer, await settings({ verify: "ca" }), /trusted|root/);
});

test("verify ca without roots of its own refuses a private root", TIMEOUT, async () => {
  await refused({}, await settings({ verify: "ca", ca: undefined }), /trusted|root/);
});

test("verify full accepts the certificate of the host", TIMEOUT, async () => {
  await accepted({}, await settings());
});

test("verify full accepts the certificate of an address", TIMEOUT, async () => {
  await accepted({}, await settings({ serverName: "127.0.0.1" }));
  await accepted({}, await settings({ serverName: "::1" }));
});

test("verify full refuses a certificate for another host and names both", TIMEOUT, async () => {
  const { wrongHost } = await certificates();
  const message = /"wrong\.example".*"localhost"/;
  await refused(wrongHost, await settings(), message);
});

test("verify full refuses an unknown root", TIMEOUT, async () => {
  const { otherServer } = await certificates();
  await refused(otherServer, await settings(), /trusted|root/);
});

test("an expired certificate is refused by name, unless nothing is verified", TIMEOUT, async () => {
  const { expired } = await certificates();
  await refused(expired, await settings(), /expired/);
  await accepted(expired, NONE);
});

test("a wildcard stands for one label", TIMEOUT, async () => {
  const { wildcard } = await certificates();
  await accepted(wildcard, await settings({ serverName: "db.pg.test" }));
  await refused(wildcard, await settings({ serverName: "a.db.pg.test" }), /a\.db\.pg\.test/);
});

test("a check of the user's own replaces that of the name", TIMEOUT, async () => {
  const { wrongHost } = await certificates();
  const seen: unknown[] = [];
  const fine = (host: string) => void seen.push(host);
  await accepted(wrongHost, await settings({ checkServerIdentity: fine }));
  assert.deepEqual(seen, ["localhost"]);
  const never = () => new Error("not on a Sunday");
  await refused({}, await settings({ checkServerIdentity: never }), /not on a Sunday/);
});

test("the certificate is told when it was asked for", TIMEOUT, async () => {
  const { server, rsaSha384 } = await certificates();
  const facts = await accepted({}, await settings({ needsCertificate: true }));
  assert.deepEqual(facts.certificate, new Uint8Array(new X509Certificate(server.cert).raw));
  const unverified = await accepted(rsaSha384, { ...NONE, needsCertificate: true });
  assert.deepEqual(unverified.certificate, new Uint8Array(new X509Certificate(rsaSha384.cert).raw));
});

test("SNI names the host, never an address, and can be off", TIMEOUT, async () => {
  const cases: [Partial<TlsSettings>, string | undefined][] = [
    [{ serverName: "localhost" }, "localhost"],
    [{ serverName: "localhost", sni: false }, undefined],
    [{ serverName: "127.0.0.1" }, undefined],
  ];
  for (const [more, expected] of cases) {
    const tls = await settings(more);
    await withServer({}, async (listener) => {
      const { stream } = await dial(local(listener), tls);
      const peer = await listener.secured();
      assert.equal(peer.servername || undefined, expected);
      stream.destroy();
    });
  }
});

test("ALPN agrees on the protocol both know", TIMEOUT, async () => {
  const tls = await settings({ alpn: ["postgresql"] });
  const facts = await accepted({ ALPNProtocols: ["postgresql"] }, tls);
  assert.equal(facts.alpn, "postgresql");
  assert.equal((await accepted({}, await settings())).alpn, "");
});

test("the version stays within what was asked", TIMEOUT, async () => {
  const modern = await accepted({}, await settings({ minVersion: "TLSv1.3" }));
  assert.equal(modern.version, "TLSv1.3");
  const old = await accepted({}, await settings({ maxVersion: "TLSv1.2" }));
  assert.equal(old.version, "TLSv1.2");
  const tls = await settings({ minVersion: "TLSv1.3" });
  await refused({ maxVersion: "TLSv1.2" }, tls, /TLS handshake/);
});

test("a client certificate reaches the server, its key encrypted or not", TIMEOUT, async () => {
  const { ca, client, clientEncrypted } = await certificates();
  const server = { ca: [ca.cert], requestCert: true, rejectUnauthorized: true };
  await accepted(server, await settings({ cert: client.cert, key: client.key }));
  const { cert, key } = clientEncrypted;
  await accepted(server, await settings({ cert, key, passphrase: PASSPHRASE }));
});

test("a key that cannot be decrypted is an error before anything is sent", TIMEOUT, async () => {
  const { cert, key } = (await certificates()).clientEncrypted;
  const wrong = await settings({ cert, key, passphrase: "geheim" });
  await refused({}, wrong, /passphrase is wrong or missing/, InterfaceError);
  await refused(
    {},
    await settings({ cert, key }),
    /passphrase is wrong or missing/,
    InterfaceError,
  );
});

async function revocationList(serial?: string): Promise<string> {
  const { ca } = await certificates();
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const der = x509.PemConverter.decodeFirst(ca.key);
  const signingKey = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  // With a reason, for without one the generator writes an empty list of extensions, which is
  // malformed (RFC 5280, section 5.1) and refused by BoringSSL.
  const reason = x509.X509CrlReason.keyCompromise;
  const revocationDate = new Date("2020-01-02T00:00:00Z");
  const list = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(ca.cert).subject,
    thisUpdate: new Date("2020-01-01T00:00:00Z"),
    nextUpdate: new Date("2049-01-01T00:00:00Z"),
    entries: serial === undefined ? [] : [{ serialNumber: serial, revocationDate, reason }],
    signingAlgorithm: algorithm,
    signingKey,
  }, crypto);
  return x509.PemConverter.encode(list.rawData, "X509 CRL") + "\n";
}

test("a revoked certificate is refused, another one is not", NOT_DENO, async () => {
  const { server } = await certificates();
  const serial = new x509.X509Certificate(server.cert).serialNumber;
  await accepted({}, await settings({ crl: [await revocationList()] }));
  await refused({}, await settings({ crl: [await revocationList(serial)] }), /revoked/);
});

test("a revocation list is refused where it would be ignored", ONLY_DENO, async () => {
  const tls = await settings({ crl: [await revocationList()] });
  await refused({}, tls, /Deno cannot check/, NotSupportedError);
});

test("megabytes go both ways intact over TLS", TIMEOUT, async () => {
  const tls = await settings();
  await withServer({}, async (listener) => {
    const { stream, sink } = await dial(local(listener), tls);
    const peer = await listener.secured();
    const sent = new Uint8Array(3_000_000);
    for (let i = 0; i < sent.length; i++) sent[i] = (i * 13 + (i >>> 9)) & 0xff;
    peer.end(sent);
    for (sink.limit = 1_000_000; sink.limit < sent.length; sink.limit += 1_000_000) {
      stream.resume();
      await sink.until(() => sink.total >= sink.limit);
    }
    sink.limit = Infinity;
    stream.resume();
    await sink.untilLost();
    assert.ok(Buffer.from(sent).equals(sink.bytes().subarray(1)), "the bytes differ");
  });
  await withServer({}, async (listener) => {
    const { stream, sink } = await dial(local(listener), tls);
    const peer = await listener.secured();
    const reading = readAll(peer);
    const bytes = new Uint8Array(100_000);
    const expected: Uint8Array[] = [];
    for (let i = 0; i < 30; i++) {
      expected.push(bytes.fill(i).slice());
      const pending = stream.write(bytes);
      if (pending !== undefined) await pending;
      bytes.fill(0xee);
    }
    await stream.close();
    assert.ok(Buffer.concat(expected).equals(await reading), "the bytes differ");
    assert.deepEqual(sink.losses, []);
  });
});

test("the end of the peer is told once over TLS, after its last bytes", TIMEOUT, async () => {
  const tls = await settings();
  await withServer({}, async (listener) => {
    const { stream, sink } = await dial(local(listener), tls);
    const peer = await listener.secured();
    stream.resume();
    peer.end("goodbye");
    await sink.untilLost();
    assert.equal(sink.text(), "Sgoodbye");
    await stream.close();
    assert.equal(sink.losses.length, 1);
  });
});

test("a connection cut under TLS is told once and fails the next write", TIMEOUT, async () => {
  const tls = await settings();
  await withServer({}, async (listener) => {
    const { stream, sink } = await dial(local(listener), tls);
    await listener.secured();
    stream.resume();
    for (const socket of listener.raw) socket.destroy();
    await sink.untilLost();
    await assert.rejects(async () => await stream.write(new Uint8Array(1)));
    assert.equal(sink.losses.length, 1);
  });
});

test("TLS from the first byte needs no start before", TIMEOUT, async () => {
  const { server } = await certificates();
  const tls = await settings({ alpn: ["postgresql"] });
  const options = { cert: server.cert, key: server.key, ALPNProtocols: ["postgresql"] };
  const direct = createTlsServer(options, (socket) => void socket.end("welcome"));
  await new Promise<void>((resolve) => direct.listen(0, "127.0.0.1", resolve));
  try {
    const address = direct.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const runtime = await detectRuntime();
    const stream = await runtime.connect({ kind: "tcp", host: "127.0.0.1", port }, { tls });
    const facts = await stream.secure(tls);
    const sink = new TestSink();
    stream.start(sink);
    await sink.untilLost();
    assert.equal(sink.text(), "welcome");
    assert.equal(facts.alpn, "postgresql");
  } finally {
    direct.close();
  }
});

test("TLS over a Unix socket", TIMEOUT, async () => {
  const directory = mkdtempSync(join(tmpdir(), "cornac-"));
  const path = join(directory, ".s.PGSQL.5432");
  const listener = await listenTls({}, path);
  try {
    const { stream, sink } = await dial({ kind: "unix", path }, await settings());
    const peer = await listener.secured();
    peer.end("hello");
    stream.resume();
    await sink.untilLost();
    assert.equal(sink.text(), "Shello");
  } finally {
    listener.close();
    rmSync(directory, { recursive: true });
  }
});

test(
  "plain text glued to the answer never reaches the sink after the handshake",
  TIMEOUT,
  async () => {
    const listener = await listenTls({}, undefined, "Sinjected");
    try {
      const runtime = await detectRuntime();
      const stream = await runtime.connect(local(listener), { tls: NONE });
      const sink = new TestSink();
      sink.window = sink.limit = 1;
      stream.start(sink);
      await stream.write(new Uint8Array([63]));
      await sink.until(() => sink.total >= 1);
      // What came in the same chunk the sink has seen, and refuses by itself; then this is not reached.
      const before = sink.total;
      await assert.rejects(stream.secure(NONE));
      assert.equal(sink.total, before);
      assert.ok(before === 1 || before === "Sinjected".length);
    } finally {
      listener.close();
    }
  },
);

test("a server that is no TLS server fails the handshake", TIMEOUT, async () => {
  const listener = await listen();
  try {
    const runtime = await detectRuntime();
    for (const answer of ["HTTP/1.1 400 Bad Request\r\n\r\n", ""]) {
      const stream = await runtime.connect(local(listener), { tls: NONE });
      const peer = await listener.accept();
      const securing = stream.secure(NONE);
      peer.end(answer);
      await assert.rejects(securing, (cause) => {
        assert.ok(cause instanceof OperationalError, String(cause));
        assert.match(cause.message, /handshake with "localhost" failed: ./);
        return true;
      });
    }
  } finally {
    listener.close();
  }
});

test(
  "an aborted handshake rejects with the reason and closes the connection",
  TIMEOUT,
  async () => {
    const listener = await listen();
    try {
      const runtime = await detectRuntime();
      for (const tls of [NONE, await settings({ ca: undefined })]) {
        const stream = await runtime.connect(local(listener), { tls });
        const peer = await listener.accept();
        const abort = new AbortController();
        const securing = stream.secure(tls, abort.signal);
        const reason = new Error("changed my mind");
        const over = readAll(peer);
        setTimeout(() => abort.abort(reason), 20);
        await assert.rejects(securing, (cause) => cause === reason);
        await over;
        await stream.close();
      }
    } finally {
      listener.close();
    }
  },
);
