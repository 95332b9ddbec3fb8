/** The servers that get a bearer token, and the ways to obtain one (OAUTHBEARER). */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  type ConnectOptions,
  InterfaceError,
  type OAuthPrompt,
  type OAuthRequest,
  OperationalError,
} from "../../mod.ts";
import { certificates } from "../_kit/certs.ts";
import { failure } from "../_kit/outcomes.ts";
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
  authenticationSasl,
  authenticationSaslContinue,
  errorResponse,
} from "../_kit/server_messages.ts";
import { reach } from "./hostile.ts";

const { server: identity, ca } = await certificates();
const tls = { cert: identity.cert, key: identity.key };
const END: Script = [expect("X"), expectClose()];
const REQUIRE: ConnectOptions = { sslMode: "require" };
const CA: ConnectOptions = { sslMode: "verify-ca", sslRootCert: ca.cert };
const FULL: ConnectOptions = { ...CA, sslMode: "verify-full" };
const ASKS = send(authenticationSasl(["OAUTHBEARER"]));

function lets(...authentication: Script): Script {
  return [handshake({ authentication }), END];
}

const overTls = (...script: Script): Script => [answerSsl("S"), startTls(tls), ...script];

async function reaches(script: Script, options: ConnectOptions): Promise<void> {
  await withServer(script, async (server) => {
    const db = await connect(reach(server, options));
    await db.close();
  });
}

async function fails(script: Script, options: ConnectOptions): Promise<Error> {
  return await withServer(script, (server) => failure(connect(reach(server, options))));
}

const bearer = (token: string): Script => [
  send(authenticationSasl(["OAUTHBEARER"])),
  expect("p", ({ body }) => {
    const text = new TextDecoder().decode(body);
    assert.ok(text.startsWith("OAUTHBEARER\0"));
    assert.ok(text.endsWith(`n,,\x01auth=${token}\x01\x01`), text);
  }),
];

const refusal = (discovery?: string): Script => [
  send(authenticationSaslContinue(JSON.stringify({
    status: "invalid_token",
    scope: "openid postgres",
    ...(discovery === undefined ? {} : { "openid-configuration": discovery }),
  }))),
  expect("p", ({ body }) => assert.deepEqual([...body], [1])),
  send(errorResponse({ S: "FATAL", V: "FATAL", C: "28000", M: "OAuth bearer failed" })),
  expectClose(),
];

test("oauth: a token provider gets all details, and its token is sent over TLS", async () => {
  const asked: OAuthRequest[] = [];
  const options: ConnectOptions = {
    ...FULL,
    oauthIssuer: "https://issuer.test",
    oauthClientId: "client",
    oauthScope: "openid",
    oauthToken: (request) => (asked.push(request), Promise.resolve("a.b-c")),
  };
  await reaches(overTls(lets(...bearer("Bearer a.b-c"))), options);
  const [{ signal, ...rest }] = asked as [OAuthRequest];
  assert.equal(signal.aborted, false);
  assert.deepEqual(rest, {
    user: "u",
    host: "127.0.0.1",
    issuer: "https://issuer.test",
    clientId: "client",
    scope: "openid",
  });
});

test("oauth: a connection without TLS gets no token, and the provider is not called", async () => {
  let asked = false;
  const script = [expect("startup"), ASKS, expectClose()];
  const error = await fails(script, { oauthToken: () => (asked = true, "token") });
  assert.equal(asked, false);
  assert.match(error.message, /OAuth token, which is not sent over a connection without TLS$/);
});

test("oauth: the error for a refused token has the server's reason and report", async () => {
  const script = overTls(expect("startup"), ...bearer("Bearer token"), ...refusal());
  const error = await fails(script, { ...FULL, oauthToken: () => "token" });
  assert.ok(error instanceof OperationalError);
  assert.match(error.message, /: the server refused the OAuth token: invalid_token$/);
  assert.equal((error.cause as Error).message, "OAuth bearer failed");
  assert.ok(!error.message.includes("Bearer"));
});

test("oauth: a server that asks for a token without a provider is refused", async () => {
  const script = overTls(expect("startup"), ASKS, expectClose());
  const error = await fails(script, FULL);
  assert.ok(error instanceof InterfaceError);
  assert.match(error.message, /neither oauthToken nor oauthPrompt was given$/);
});

const ISSUER = "https://issuer.test";
const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`;

/** Replaces `fetch` by an issuer of tokens while `body` runs. */
async function issuing<T>(body: () => Promise<T>): Promise<T> {
  const own = globalThis.fetch;
  const answers: Record<string, object> = {
    [DISCOVERY]: {
      issuer: ISSUER,
      device_authorization_endpoint: `${ISSUER}/device`,
      token_endpoint: `${ISSUER}/token`,
    },
    [`${ISSUER}/device`]: {
      device_code: "d",
      user_code: "ABCD",
      verification_uri: `${ISSUER}/go`,
      expires_in: 60,
      interval: 1,
    },
    [`${ISSUER}/token`]: { access_token: "fresh", token_type: "Bearer" },
  };
  globalThis.fetch = ((url: string) => {
    const headers = { "content-type": "application/json" };
    return Promise.resolve(new Response(JSON.stringify(answers[url]), { headers }));
  }) as typeof fetch;
  try {
    return await body();
  } finally {
    globalThis.fetch = own;
  }
}

test("oauth: the device flow finds the issuer, obtains a token and connects again", () =>
  issuing(async () => {
    const prompts: OAuthPrompt[] = [];
    const scripts: Script[] = [
      overTls(expect("startup"), ...bearer(""), ...refusal(DISCOVERY)),
      overTls(lets(...bearer("Bearer fresh"))),
    ];
    await withServer((i) => scripts[i], async (server) => {
      const db = await connect(reach(server, {
        ...FULL,
        oauthIssuer: ISSUER,
        oauthClientId: "client",
        oauthPrompt: (prompt) => void prompts.push(prompt),
        // Waiting for a person is not part of any attempt.
        connectTimeout: 0.9,
      }));
      await db.close();
      assert.deepEqual(prompts.map(({ userCode }) => userCode), ["ABCD"]);
    });
  }));

test("oauth: a server that names another issuer gets no token", () =>
  issuing(async () => {
    const other = "https://evil.test/.well-known/openid-configuration";
    const script = overTls(expect("startup"), ...bearer(""), ...refusal(other));
    const error = await fails(script, {
      ...FULL,
      oauthIssuer: ISSUER,
      oauthClientId: "client",
      oauthPrompt: () => assert.fail("a person was asked"),
    });
    assert.ok(error instanceof OperationalError);
    assert.match(error.message, /another issuer$/);
  }));

test("oauth: a token provider without a token starts no device flow", async () => {
  const script = overTls(expect("startup"), ASKS, expectClose());
  const error = await fails(script, { ...FULL, oauthToken: () => undefined as never });
  assert.match(error.message, /: oauthToken must return a string, not undefined$/);
});

/** Options that verify a server more or less, and the values of oauthSslMode that suffice for a token. */
const TRUST: readonly (readonly [string, ConnectOptions, readonly string[]])[] = [
  ["sslMode prefer", { sslMode: "prefer" }, ["require"]],
  ["sslMode require", REQUIRE, ["require"]],
  ["rejectUnauthorized false", {
    ...{ sslMode: undefined, sslContext: { ca: ca.cert, rejectUnauthorized: false } },
  }, ["require"]],
  ["sslMode require with a root", { ...CA, sslMode: "require" }, ["require", "verify-ca"]],
  ["sslMode verify-ca", CA, ["require", "verify-ca"]],
  ["sslMode verify-full", FULL, ["require", "verify-ca", "verify-full", "default"]],
  ["sslContext", { sslMode: undefined, sslContext: { ca: ca.cert } }, [
    ...["require", "verify-ca", "verify-full", "default"],
  ]],
];

for (const [what, options, sufficient] of TRUST) {
  for (const oauthSslMode of ["require", "verify-ca", "verify-full", "default"] as const) {
    const isSent = sufficient.includes(oauthSslMode);
    const name = `oauth: under ${what} a token is ${isSent ? "sent" : "not sent"}`;
    test(`${name} where oauthSslMode is ${oauthSslMode}`, async () => {
      let isAsked = false;
      const all: ConnectOptions = {
        ...options,
        ...oauthSslMode === "default" ? {} : { oauthSslMode },
        oauthToken: () => (isAsked = true, "a.b-c"),
      };
      if (isSent) return await reaches(overTls(lets(...bearer("Bearer a.b-c"))), all);
      const error = await fails(overTls(expect("startup"), ASKS, expectClose()), all);
      assert.ok(error instanceof OperationalError);
      assert.equal(error.code, "28000");
      assert.equal(isAsked, false);
      const least = oauthSslMode === "default" ? "verify-full" : oauthSslMode;
      assert.ok(error.message.includes(`verified by less than ${least}; set sslMode "${least}"`));
    });
  }
}

test("oauth: the device flow does not begin for a server that gets no token", async () => {
  const script = overTls(expect("startup"), ASKS, expectClose());
  const error = await fails(script, {
    ...REQUIRE,
    oauthIssuer: ISSUER,
    oauthClientId: "client",
    oauthPrompt: () => assert.fail("a person was asked"),
  });
  assert.match(error.message, /not sent to a server that is verified by less than verify-full/);
});
