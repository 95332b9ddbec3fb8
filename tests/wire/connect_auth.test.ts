/** The authentication methods that the driver answers, and those that it refuses. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import {
  connect,
  type ConnectOptions,
  InterfaceError,
  NotSupportedError,
  OperationalError,
  ProtocolError,
} from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import { certificates } from "../_kit/certs.ts";
import { cleartext, md5, scram } from "../_kit/scram_server.ts";
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
import {
  authentication,
  authenticationCleartextPassword,
  authenticationMd5Password,
  authenticationOk,
  authenticationSasl,
} from "../_kit/server_messages.ts";
import { reach } from "./hostile.ts";

const { server: identity } = await certificates();
const tls = { cert: identity.cert, key: identity.key };
const hash = createHash("sha256").update(derOf(identity.cert)).digest();
const END: Script = [expect("X"), expectClose()];
const TLS: ConnectOptions = { sslMode: "require" };

function derOf(pem: string): Uint8Array {
  return new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64"));
}

function lets(...authentication: Script): Script {
  return [handshake({ authentication }), END];
}

const overTls = (...script: Script): Script => [answerSsl("S"), startTls(tls), ...script];

async function reaches(script: Script, options: ConnectOptions): Promise<void> {
  await withServer(script, async (server) => {
    const db = await connect(reach(server, { password: "secret", ...options }));
    await db.close();
  });
}

async function fails(script: Script, options: ConnectOptions): Promise<Error> {
  return await withServer(
    script,
    (server) => failure(connect(reach(server, { password: "secret", ...options }))),
  );
}

/** Successful logins by their names in requireAuth. */
const WAYS: Readonly<Record<string, () => Script>> = {
  "none": () => lets(),
  "password": () => lets(cleartext("secret")),
  "md5": () => lets(md5("u", "secret")),
  "scram-sha-256": () => lets(scram({ password: "secret" })),
};

/** First requests of a server that gets no answer. */
const ASKS: Readonly<Record<string, Uint8Array>> = {
  "none": authenticationOk(),
  "password": authenticationCleartextPassword(),
  "md5": authenticationMd5Password(new Uint8Array(4)),
  "scram-sha-256": authenticationSasl(["SCRAM-SHA-256"]),
  "gss": authentication(7),
  "sspi": authentication(9),
  "oauth": authenticationSasl(["OAUTHBEARER"]),
};

const REQUIREMENTS: readonly (readonly [requireAuth: string, allowed: readonly string[]])[] = [
  ["none", ["none"]],
  ["password", ["password"]],
  ["md5", ["md5"]],
  ["scram-sha-256", ["scram-sha-256"]],
  ["md5,scram-sha-256", ["md5", "scram-sha-256"]],
  ["scram-sha-256,none", ["scram-sha-256", "none"]],
  ["!password", ["none", "md5", "scram-sha-256", "gss", "sspi", "oauth"]],
  ["!password,!md5,!none", ["scram-sha-256", "gss", "sspi", "oauth"]],
  ["gss", ["gss"]],
  ["oauth", ["oauth"]],
];

for (const [requireAuth, allowed] of REQUIREMENTS) {
  for (const method of Object.keys(WAYS).filter((method) => allowed.includes(method))) {
    test(`auth: requireAuth "${requireAuth}" lets the server ask for ${method}`, () =>
      reaches(WAYS[method]!(), { requireAuth }));
  }
  for (const method of Object.keys(ASKS).filter((method) => !allowed.includes(method))) {
    test(`auth: requireAuth "${requireAuth}" refuses ${method}, and nothing is answered`, async () => {
      const script = [expect("startup"), send(ASKS[method]!), expectClose()];
      const error = await fails(script, { requireAuth, oauthToken: () => "token" });
      assert.ok(error instanceof OperationalError);
      assert.equal(error.code, "28000");
      assert.ok(error.message.includes(`: requireAuth is "${requireAuth}", but the server `));
    });
  }
}

test("auth: a server that asks for nothing is refused if SCRAM is required, even over TLS", async () => {
  const script = overTls(expect("startup"), send(authenticationOk()), expectClose());
  const error = await fails(script, { ...TLS, requireAuth: "scram-sha-256" });
  assert.match(error.message, /asks for no authentication$/);
});

const BOTH = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];

test("auth: over TLS the login is bound to the channel when the server offers it", async () => {
  const plus = scram({ password: "secret", mechanisms: BOTH, channelBinding: hash });
  for (const channelBinding of ["prefer", "require"] as const) {
    await reaches(overTls(lets(plus)), { ...TLS, channelBinding });
  }
});

test("auth: channelBinding disable logs in unbound", () =>
  reaches(overTls(lets(scram({ password: "secret", mechanisms: BOTH }))), {
    ...TLS,
    channelBinding: "disable",
  }));

for (
  const [what, message] of [
    ["SCRAM without PLUS", ASKS["scram-sha-256"]!],
    ["a cleartext password", ASKS.password!],
    ["an MD5 password", ASKS.md5!],
    ["nothing", ASKS.none!],
    ["GSSAPI", ASKS.gss!],
    ["a token", ASKS.oauth!],
  ] as const
) {
  test(`auth: channelBinding require refuses a server that asks for ${what}`, async () => {
    const script = overTls(expect("startup"), send(message), expectClose());
    const error = await fails(script, {
      ...TLS,
      channelBinding: "require",
      oauthToken: () => "token",
    });
    assert.ok(error instanceof OperationalError);
    assert.match(error.message, /channel binding is required, but /);
  });
}

test("auth: channelBinding require refuses a server without TLS before it asks", async () => {
  const script = [answerSsl("N"), expect("startup"), send(ASKS["scram-sha-256"]!), expectClose()];
  const error = await fails(script, { sslMode: "prefer", channelBinding: "require" });
  assert.match(error.message, /channel binding is required, but the connection is not encrypted/);
});

test("auth: SCRAM keys replace the password", async () => {
  const salt = new Uint8Array(16).fill(7);
  const salted = pbkdf2Sync("secret", salt, 4096, 32, "sha256");
  const key = (label: string) => createHmac("sha256", salted).update(label).digest("base64");
  const keys = { scramClientKey: key("Client Key"), scramServerKey: key("Server Key") };
  await reaches(lets(scram({ password: "secret", salt })), { password: undefined, ...keys });
  const wrong = { ...keys, scramServerKey: keys.scramClientKey };
  const script = [expect("startup"), scram({ password: "secret", salt }), expectClose()];
  assert.match((await fails(script, wrong)).message, /its SCRAM signature is wrong$/);
});

test("auth: a password function is called for every attempt that needs a password", async () => {
  let asked = 0;
  const password = () => `secret ${++asked}`;
  await reaches(lets(), { password });
  assert.equal(asked, 0);
  await reaches(lets(cleartext("secret 1")), { password });
  await reaches(lets(cleartext("secret 2")), { password });
});

test("auth: a password function that never answers ends with connectTimeout", async () => {
  const error = await fails([expect("startup"), send(ASKS.password!), expectClose()], {
    password: () => new Promise<string>(() => {}),
    connectTimeout: 0.1,
  });
  assert.match(error.message, /timed out after 0\.1 s \(connectTimeout\) while authenticating$/);
});

test("auth: a password function may return bytes that are not UTF-8", () =>
  reaches(lets(cleartext("ü")), { password: () => new TextEncoder().encode("ü") }));

test("auth: a function that returns another type is named, and its answer is not shown", async () => {
  const answer = { secret: "hunter2" } as never;
  const WRONG: readonly [option: string, asks: Script, options: ConnectOptions][] = [
    ["password", [send(ASKS.password!)], { password: () => answer }],
    ["password", [send(ASKS.md5!)], { password: () => answer }],
    ["password", [send(ASKS["scram-sha-256"]!)], { password: () => answer }],
    ["oauthToken", [send(ASKS.oauth!)], {
      ...{ ...TLS, oauthSslMode: "require", oauthToken: () => answer },
    }],
    ["gssProvider", [send(ASKS.gss!)], {
      gssProvider: () => ({ established: false, step: () => answer }),
    }],
  ];
  for (const [option, asks, options] of WRONG) {
    const script = [expect("startup"), ...asks, expectClose()];
    const error = await fails(options.sslMode === undefined ? script : overTls(script), options);
    assert.ok(error instanceof InterfaceError, String(error));
    assert.match(error.message, new RegExp(`: ${option} must return a .*, not object$`));
    assert.ok(!error.message.includes("hunter2"));
  }
});

for (const [code, mechanism] of [[7, "gss"], [9, "sspi"]] as const) {
  test(`auth: a provider carries the ${mechanism} exchange`, async () => {
    const seen: unknown[] = [];
    const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
    const context = {
      established: false,
      step(token: Uint8Array | undefined) {
        seen.push(text(token));
        if (text(token) === "two") this.established = true;
        return this.established ? undefined : new TextEncoder().encode(`after ${text(token)}`);
      },
    };
    const say = (expected: string) =>
      expect("p", ({ body }) => assert.equal(text(body), `after ${expected}`));
    const exchange = [send(authentication(code)), say("undefined"), send(authentication(8, "one"))];
    await reaches(lets(...exchange, say("one"), send(authentication(8, "two"))), {
      gssProvider: ({ signal: _, ...request }) => (seen.push(request), context),
    });
    const request = { service: "postgres", host: "127.0.0.1", user: "u", mechanism };
    assert.deepEqual(seen, [request, undefined, "one", "two"]);
  });
}

test("auth: without a provider GSSAPI is refused by name", async () => {
  const error = await fails([expect("startup"), send(ASKS.gss!), expectClose()], {});
  assert.ok(error instanceof NotSupportedError);
  assert.match(error.message, /not supported: 7 \(GSSAPI\), which needs the option gssProvider$/);
});

test("auth: success before the GSSAPI context is established is a violation", async () => {
  // deno-fmt-ignore
  const script = [
    expect("startup"), send(ASKS.gss!), expect("p"), send(authenticationOk()), expectClose(),
  ];
  const gssProvider = () => ({ established: false, step: () => new Uint8Array(1) });
  assert.ok(await fails(script, { gssProvider }) instanceof ProtocolError);
});

test("auth: an endless GSSAPI exchange is given up", async () => {
  const step = () => new Uint8Array(1);
  const rounds = Array.from({ length: 20 }, () => [expect("p"), send(authentication(8, "x"))]);
  const script = [expect("startup"), send(ASKS.gss!), ...rounds, expectClose()];
  const error = await fails(script, { gssProvider: () => ({ established: false, step }) });
  assert.match(error.message, /did not end in 20 rounds$/);
});
