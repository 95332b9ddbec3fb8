import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import {
  type DeviceFlowOptions,
  deviceFlowToken,
  type DevicePrompt,
  type HttpRequest,
} from "../../src/auth/device_flow.ts";
import { issuerOf, OAuthBearer } from "../../src/auth/oauth.ts";
import { InterfaceError, OperationalError, ProtocolError } from "../../src/errors/errors.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

test("oauthbearer: the initial response carries the token, or nothing for discovery", () => {
  assert.equal(
    text(new OAuthBearer("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==").clientFirst()),
    "n,,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
  );
  assert.equal(text(new OAuthBearer(undefined).clientFirst()), "n,,\x01auth=\x01\x01");
});

test("oauthbearer: a token that could break out of its field is refused and not quoted", () => {
  for (const bad of ["", " ", "a b", "sesame\x01", "sesame\n", "=", "a=b", "sésame"]) {
    assert.throws(() => new OAuthBearer(bad), (error: Error) => {
      assert.ok(error instanceof InterfaceError, bad);
      assert.ok(!error.message.includes("same"));
      return true;
    });
  }
});

test("oauthbearer: a refusal is answered by one byte and becomes a typed error", () => {
  const bearer = new OAuthBearer("sesame");
  const message = {
    status: "invalid_token",
    "openid-configuration": "https://id.example.org/.well-known/openid-configuration",
    scope: "openid db",
    more: [1, { deep: null }],
  };
  assert.deepEqual(bearer.refuse(bytes(JSON.stringify(message))), Uint8Array.of(1));
  assert.deepEqual(bearer.refusal, {
    status: "invalid_token",
    scope: "openid db",
    discoveryUri: "https://id.example.org/.well-known/openid-configuration",
  });
  const cause = new Error("FATAL");
  const error = bearer.failure(cause);
  assert.ok(error instanceof OperationalError);
  assert.equal(error.message, "the server refused the OAuth token: invalid_token");
  assert.equal(error.code, "28000");
  assert.equal(error.cause, cause);
  assert.ok(!inspect([bearer, error], { depth: 9, showHidden: true }).includes("sesame"));
});

test("oauthbearer: success counts only for a token that was not refused", () => {
  new OAuthBearer("sesame").accept();
  const refused = new OAuthBearer("sesame");
  refused.refuse(bytes('{"status":"invalid_token"}'));
  for (const bearer of [refused, new OAuthBearer(undefined)]) {
    assert.throws(() => bearer.accept(), { name: "ProtocolError", code: "08P01" });
  }
  assert.throws(() => refused.refuse(bytes('{"status":"invalid_token"}')), ProtocolError);
});

test("oauthbearer: a malformed refusal is a ProtocolError", () => {
  const cases = [
    "",
    "null",
    "[]",
    '"invalid_token"',
    "{}",
    '{"status":1}',
    '{"status":""}',
    '{"status":"a\\nb"}',
    '{"status":"x","scope":1}',
    '{"status":"x","openid-configuration":{}}',
    '{"status":"x"',
    '{"status":"x"}\0',
  ];
  for (const message of cases) {
    const bearer = new OAuthBearer("sesame");
    assert.throws(() => bearer.refuse(bytes(message)), ProtocolError, message);
  }
  const notUtf8 = Uint8Array.of(...bytes('{"status":"x'), 0xff, ...bytes('"}'));
  assert.throws(() => new OAuthBearer("sesame").refuse(notUtf8), ProtocolError);
});

test("issuer: a discovery address without its well-known part", () => {
  const cases: [string, string][] = [
    ["https://a/.well-known/openid-configuration", "https://a"],
    ["https://a:8443/b/c/.well-known/openid-configuration", "https://a:8443/b/c"],
    ["https://a/.well-known/oauth-authorization-server/b", "https://a/b"],
    ["https://a/.well-known/openid-configuration/", "https://a/"],
    ["HTTPS://A/.well-known/openid-configuration", "HTTPS://A"],
  ];
  for (const [uri, issuer] of cases) assert.equal(issuerOf(uri), issuer);
});

test("issuer: anything but an https well-known address is refused", () => {
  const cases = [
    "",
    "http://a/.well-known/openid-configuration",
    "https:///.well-known/openid-configuration",
    "https://a/openid-configuration",
    "https://a/.well-known/openid-configuration-bad",
    "https://a/.well-known/other",
    "https://a/b/.well-known/openid-configuration/c",
    "https://a/.well-known/openid-configuration?b",
    "https://a?/.well-known/openid-configuration",
    "https://a/b#/.well-known/openid-configuration",
  ];
  for (const uri of cases) assert.throws(() => issuerOf(uri), OperationalError, uri);
});

const METADATA = {
  issuer: "https://id.example.org",
  device_authorization_endpoint: "https://id.example.org/device",
  token_endpoint: "https://id.example.org/token",
};
const DEVICE = {
  device_code: "dc-sesame",
  user_code: "WDJB-MJHT",
  verification_uri: "https://id.example.org/go",
  expires_in: 60,
  interval: 5,
};
const TOKEN = { access_token: "at-sesame", token_type: "Bearer" };

function answer(body: unknown, status = 200, type = "application/json; charset=utf-8"): Response {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Response(text, { status, headers: { "content-type": type } });
}

function pending(error: string): Response {
  return answer({ error }, 400);
}

/** Runs the flow against scripted answers, without waiting. */
async function run(answers: (Response | Error)[], options: Partial<DeviceFlowOptions> = {}) {
  const requests: (HttpRequest & { url: string })[] = [];
  const waits: number[] = [];
  const prompts: DevicePrompt[] = [];
  const token = deviceFlowToken({
    issuer: "https://id.example.org",
    clientId: "cornac",
    prompt: (prompt) => void prompts.push(prompt),
    wait: (seconds) => Promise.resolve(void waits.push(seconds)),
    fetch: (url, request) => {
      requests.push({ url, ...request });
      const next = answers[requests.length - 1]!;
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
    },
    ...options,
  });
  return { token: await token, requests, waits, prompts };
}

test("device flow: metadata, device code, prompt, polls, token", async () => {
  const { token, requests, waits, prompts } = await run([
    answer(METADATA),
    answer({ ...DEVICE, verification_uri_complete: "https://id.example.org/go?c=WDJB-MJHT" }),
    pending("authorization_pending"),
    answer({ ...TOKEN, token_type: "bearer" }),
  ], { scope: "openid db" });
  assert.equal(token, "at-sesame");
  assert.deepEqual(waits, [5, 5]);
  assert.deepEqual(prompts, [{
    userCode: "WDJB-MJHT",
    verificationUri: "https://id.example.org/go",
    verificationUriComplete: "https://id.example.org/go?c=WDJB-MJHT",
    expiresIn: 60,
  }]);
  assert.deepEqual(
    requests.map(({ method, url, body }) => [method, url, body]),
    [
      ["GET", "https://id.example.org/.well-known/openid-configuration", undefined],
      ["POST", "https://id.example.org/device", "scope=openid+db&client_id=cornac"],
      ...Array(2).fill([
        "POST",
        "https://id.example.org/token",
        "device_code=dc-sesame&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code" +
        "&client_id=cornac",
      ]),
    ],
  );
  for (const request of requests) assert.equal(request.redirect, "manual");
});

test("device flow: a client secret goes, form-encoded, into the header and nowhere else", async () => {
  const { requests } = await run([answer(METADATA), answer(DEVICE), answer(TOKEN)], {
    clientId: "a b",
    clientSecret: "s:e&c",
  });
  for (const { headers, body } of requests.slice(1)) {
    assert.equal(headers.authorization, `Basic ${btoa("a+b:s%3Ae%26c")}`);
    assert.ok(!body!.includes("client"));
  }
  assert.equal(requests[0]!.headers.authorization, undefined);
});

test("device flow: slow_down adds five seconds to all later polls; the default interval is five", async () => {
  const { waits } = await run([
    answer(METADATA),
    answer({ ...DEVICE, interval: undefined }),
    pending("authorization_pending"),
    pending("slow_down"),
    pending("authorization_pending"),
    answer(TOKEN),
  ]);
  assert.deepEqual(waits, [5, 5, 10, 10]);
});

test("device flow: an interval is at least a second, whole, and an hour at most", async () => {
  for (const [interval, wait] of [[0, 1], [-3, 1], [1.2, 2], [1e12, 3600]]) {
    const device = { ...DEVICE, interval, expires_in: 1e6 };
    assert.deepEqual((await run([answer(METADATA), answer(device), answer(TOKEN)])).waits, [wait]);
  }
});

test("device flow: polling ends when the code has expired", async () => {
  const polls = Array.from({ length: 20 }, () => pending("authorization_pending"));
  await assert.rejects(run([answer(METADATA), answer(DEVICE), ...polls]), /expired before/);
  assert.equal(polls.filter((poll) => poll.bodyUsed).length, 12);
});

test("device flow: the discovery address and the metadata must belong to the issuer", async () => {
  const uri = "https://id.example.org/.well-known/oauth-authorization-server";
  const good: Partial<DeviceFlowOptions>[] = [{ discoveryUri: uri }, { issuer: uri }, {
    issuer: uri,
    discoveryUri: uri,
  }];
  for (const options of good) {
    const { requests } = await run([answer(METADATA), answer(DEVICE), answer(TOKEN)], options);
    assert.equal(requests[0]!.url, uri);
  }
  const bad: [Partial<DeviceFlowOptions>, RegExp][] = [
    [{ discoveryUri: "https://evil.example/.well-known/openid-configuration" }, /another issuer/],
    [{ discoveryUri: "https://id.example.org/" }, /not an https .well-known/],
    [{ discoveryUri: "http://id.example.org/.well-known/openid-configuration" }, /not an https/],
    [{ issuer: uri, discoveryUri: `${uri}/x` }, /another OAuth discovery address/],
    [{ issuer: "http://id.example.org" }, /must be an https/],
    [{ issuer: "https://id.example.org/" }, /another issuer/],
    [{ issuer: "https://ID.example.org" }, /another issuer/],
  ];
  for (const [options, message] of bad) {
    await assert.rejects(run([answer(METADATA)], options), message, inspect(options));
  }
});

test("device flow: every fault of a provider is an OperationalError without secrets", async () => {
  const { device_code: _, ...noCode } = DEVICE;
  const { token_type: __, ...noType } = TOKEN;
  const cases: [string, (Response | Error)[], RegExp][] = [
    ["unreachable", [new TypeError("fetch failed")], /could not be reached/],
    ["redirect", [answer("", 302)], /status 302/],
    ["server error", [answer("", 500)], /status 500/],
    ["html", [answer("<html>", 200, "text/html")], /not JSON/],
    ["nearly JSON", [answer("{}", 200, "application/jsonx")], /not JSON/],
    ["cut JSON", [answer('{"issuer": "sesame')], /not a JSON object/],
    ["an array", [answer([])], /not a JSON object/],
    ["too long", [answer(`{"a":"${"x".repeat(300_000)}"}`)], /too long/],
    ["no issuer", [answer({ ...METADATA, issuer: undefined })], /another issuer/],
    [
      "no device endpoint",
      [answer({ ...METADATA, device_authorization_endpoint: undefined })],
      /no device/,
    ],
    ["http endpoint", [answer({ ...METADATA, token_endpoint: "http://x" })], /not an https/],
    ["client unknown", [answer(METADATA), pending("invalid_client")], /invalid_client/],
    ["odd error", [answer(METADATA), pending("dc-sesame <script>")], /HTTP status 400/],
    ["no device code", [answer(METADATA), answer(noCode)], /no device_code/],
    ["no expiry", [answer(METADATA), answer({ ...DEVICE, expires_in: "60" })], /no expires_in/],
    ["odd interval", [answer(METADATA), answer({ ...DEVICE, interval: "5" })], /interval/],
    ["denied", [answer(METADATA), answer(DEVICE), pending("access_denied")], /access_denied/],
    ["expired", [answer(METADATA), answer(DEVICE), pending("expired_token")], /expired_token/],
    ["gone", [answer(METADATA), answer(DEVICE), answer("", 503)], /HTTP status 503/],
    [
      "no token",
      [answer(METADATA), answer(DEVICE), answer({ token_type: "bearer" })],
      /no access_token/,
    ],
    ["no token type", [answer(METADATA), answer(DEVICE), answer(noType)], /no token_type/],
    [
      "mac token",
      [answer(METADATA), answer(DEVICE), answer({ ...TOKEN, token_type: "mac" })],
      /bearer/,
    ],
  ];
  for (const [name, answers, message] of cases) {
    await assert.rejects(run(answers, { clientSecret: "cs-sesame" }), (error: Error) => {
      assert.equal(error.constructor, OperationalError, name);
      assert.equal((error as OperationalError).code, "28000", name);
      assert.match(error.message, message, name);
      assert.ok(!inspect(error).includes("-sesame"), name);
      return true;
    });
  }
});

test("device flow: an abort ends the wait with its reason", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const answers = [answer(METADATA), answer(DEVICE)];
  const token = deviceFlowToken({
    issuer: "https://id.example.org",
    clientId: "cornac",
    prompt: () => void setTimeout(() => controller.abort(reason), 1),
    fetch: () => Promise.resolve(answers.shift()!),
    signal: controller.signal,
  });
  await assert.rejects(token, reason);
});

test("device flow: an error of the prompt is passed on unchanged", async () => {
  const reason = new Error("no terminal");
  const prompt = () => Promise.reject(reason);
  await assert.rejects(run([answer(METADATA), answer(DEVICE)], { prompt }), reason);
});
