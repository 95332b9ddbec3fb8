/** The certificates that SCRAM is bound to, and logins that cannot be bound. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect as connectSocket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { connect, type ConnectOptions, OperationalError, ProtocolError } from "../../mod.ts";
import { ECDSA_SHA224, forge, type Forged, forgeRoot, Name } from "../_kit/forged_certs.ts";
import { failure } from "../_kit/outcomes.ts";
import { scram } from "../_kit/scram_server.ts";
import {
  answerSsl,
  expect,
  expectClose,
  handshake,
  type Script,
  send,
  startTls,
  withServer,
} from "../_kit/scripted_server.ts";
import { authenticationSasl } from "../_kit/server_messages.ts";
import { reach } from "./hostile.ts";

const IS_DENO = "Deno" in globalThis;
const BOTH = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];
const PLAIN = ["SCRAM-SHA-256"];
const END: Script = [expect("X"), expectClose()];
const root = forgeRoot("a root");
const NAMES = [[Name.dns, "localhost"]] as const;

const ecdsa = forge({ names: NAMES, issuer: root });
const sha224 = forge({ names: NAMES, issuer: root, algorithm: ECDSA_SHA224 });
const ed25519Root = forgeRoot("an Ed25519 root", { keyType: "ed25519" });
const ed25519 = forge({
  names: NAMES,
  issuer: ed25519Root,
  algorithm: ["300506032b6570", undefined],
});
const version1 = forge({ version: 1, issuer: root });

const REQUIRE: ConnectOptions = { sslMode: "require" };
const FULL: ConnectOptions = {
  sslMode: "verify-full",
  host: "localhost",
  sslRootCert: root.cert + ed25519Root.cert,
};
const CA: ConnectOptions = { ...FULL, sslMode: "verify-ca" };
/** An `sslContext` that checks nothing. */
const CONTEXT: ConnectOptions = {
  sslMode: undefined,
  sslContext: { rejectUnauthorized: false },
};

function over({ cert, key }: Forged, options: ConnectOptions, ...script: Script): Script {
  const begins = options.sslNegotiation === "direct"
    ? [startTls({ cert, key, alpn: ["postgresql"] })]
    : [answerSsl("S"), startTls({ cert, key })];
  return [...begins, ...script];
}

async function logsIn(
  certificate: Forged,
  options: ConnectOptions,
  channelBinding: Uint8Array | undefined,
  mechanisms: readonly string[] = BOTH,
): Promise<void> {
  const login = scram({
    password: "secret",
    mechanisms,
    ...channelBinding && { channelBinding },
    mustBind: channelBinding !== undefined,
  });
  const script = over(certificate, options, handshake({ authentication: [login] }), END);
  await withServer(script, async (server) => {
    const db = await connect(reach(server, { password: "secret", ...options }));
    await db.close();
  });
}

async function refuses(
  certificate: Forged,
  options: ConnectOptions,
  mechanisms: readonly string[] = BOTH,
): Promise<OperationalError> {
  const ask = [expect("startup"), send(authenticationSasl(mechanisms)), expectClose()];
  return await withServer(
    over(certificate, options, ...ask),
    (server) =>
      failure(connect(reach(server, { password: "secret", ...options })), OperationalError),
  );
}

const hashed = (name: string, { der }: Forged) => createHash(name).update(der).digest();

for (const channelBinding of ["prefer", "require"] as const) {
  test(`binding: SHA-224 binds as any hash does, channelBinding ${channelBinding}`, async () => {
    const data = hashed("sha224", sha224);
    await logsIn(sha224, { ...REQUIRE, channelBinding }, data);
    await logsIn(sha224, { ...REQUIRE, channelBinding, sslNegotiation: "direct" }, data);
  });
}

test("binding: a certificate without a hash is refused unless it was verified", async () => {
  for (const options of [REQUIRE, { sslMode: "prefer" } as const, CONTEXT]) {
    for (const mechanisms of [BOTH, ["SCRAM-SHA-256-PLUS"]]) {
      const error = await refuses(ed25519, options, mechanisms);
      assert.match(error.message, /SCRAM cannot be bound to the TLS channel.* no hash to bind to/);
      assert.equal(error.code, "28000");
    }
  }
  const direct = { ...REQUIRE, sslNegotiation: "direct", requireAuth: "scram-sha-256" } as const;
  assert.match((await refuses(ed25519, direct)).message, /no hash to bind to/);
});

test("binding: a verified certificate without a hash logs in unbound", async () => {
  await logsIn(ed25519, FULL, undefined);
  await logsIn(ed25519, CA, undefined);
  await logsIn(ed25519, { ...REQUIRE, sslRootCert: ed25519Root.cert }, undefined);
});

test("binding: channelBinding disable logs in unbound with any certificate", () =>
  logsIn(ed25519, { ...REQUIRE, channelBinding: "disable" }, undefined));

test("binding: channelBinding require refuses a certificate without a hash, verified or not", async () => {
  for (const options of [REQUIRE, CA, FULL]) {
    const error = await refuses(ed25519, { ...options, channelBinding: "require" });
    assert.match(error.message, /channel binding is required, but .* has no hash to bind to$/);
  }
});

test("binding: the server can notice that its offer was removed, with every certificate", async () => {
  for (const certificate of [ecdsa, sha224, ed25519]) {
    const script = over(
      certificate,
      REQUIRE,
      expect("startup"),
      send(authenticationSasl(PLAIN)),
      expect("p", ({ body }) => {
        assert.match(new TextDecoder().decode(body), /^SCRAM-SHA-256\0.{4}y,,n=/s);
      }),
      expectClose(),
    );
    await withServer(script, async (server) => {
      const options = { ...REQUIRE, password: "secret", connectTimeout: 0.3 };
      await failure(connect(reach(server, options)));
    });
  }
});

test("binding: a given stream is bound by the certificate of TLS over it", async () => {
  const login = scram({
    password: "secret",
    mechanisms: BOTH,
    channelBinding: hashed("sha256", ecdsa),
    mustBind: true,
  });
  const script = over(ecdsa, REQUIRE, handshake({ authentication: [login] }), END);
  await withServer(script, async ({ host, port }) => {
    const socket = connectSocket({ host, port });
    await new Promise((resolve) => socket.once("connect", resolve));
    const db = await connect({
      ...{ sock: Duplex.toWeb(socket), user: "u", password: "secret", sslMode: "require" },
    });
    await db.close();
  });
});

test("binding: PLUS on a stream that the driver did not encrypt is refused", () =>
  withServer([expect("startup"), send(authenticationSasl(BOTH)), expectClose()], async (server) => {
    const options = { sslMode: "disable", password: "secret" } as const;
    const error = await failure(connect(reach(server, options)), ProtocolError);
    assert.match(error.message, /SCRAM-SHA-256-PLUS on a connection without TLS/);
  }));

test("binding: a certificate of version 1 binds if the runtime checks the proof of its key", async () => {
  if (!IS_DENO) return await logsIn(version1, REQUIRE, hashed("sha256", version1));
  const error = await refuses(version1, REQUIRE);
  assert.match(
    error.message,
    /Deno does not check that the server holds the key .* version 1; set/,
  );
  await logsIn(version1, { ...REQUIRE, channelBinding: "disable" }, undefined);
});
