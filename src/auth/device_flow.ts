/** Obtains a bearer token by the OAuth device authorization flow (RFC 8628). */
import { InterfaceError, OperationalError } from "../errors/errors.ts";
import { ONCE } from "../errors/own.ts";
import { encodeBase64 } from "./base64.ts";
import { issuerOf } from "./oauth.ts";

const UTF8 = new TextEncoder();
const GRANT = "urn:ietf:params:oauth:grant-type:device_code";
/** The limit of a provider's answer in bytes; libpq has the same one. */
const MAX_ANSWER = 256 * 1024;
/** Seconds between two polls where the provider gives no interval (RFC 8628, section 3.2). */
const DEFAULT_INTERVAL = 5;
/** The longest interval in seconds; a timer beyond three weeks fires at once. */
const MAX_INTERVAL = 3600;
/** Seconds that `slow_down` adds to the interval (RFC 8628, section 3.5). */
const SLOW_DOWN = 5;

/** A code for the person who authorises the login in a browser. */
export interface DevicePrompt {
  /** The address to open, with any browser on any device. */
  readonly verificationUri: string;
  /** The address with the code already in it; not every provider gives one. */
  readonly verificationUriComplete: string | undefined;
  /** The code to enter there. */
  readonly userCode: string;
  /** Seconds until the code expires. */
  readonly expiresIn: number;
}

/** A request for `fetch`. */
export interface HttpRequest {
  /** `GET` for the metadata, `POST` for everything else. */
  readonly method: "GET" | "POST";
  /** Headers by lower-case name, with `authorization` if there is a client secret. */
  readonly headers: Record<string, string>;
  /** A form, URL-encoded. */
  readonly body?: string;
  /** A redirect must be returned with its own status. */
  readonly redirect: "manual";
  /** The signal of {@linkcode DeviceFlowOptions}. */
  readonly signal?: AbortSignal;
}

/** An answer of `fetch`: the part of a `Response` that is read here. */
export interface HttpResponse {
  /** The HTTP status. */
  readonly status: number;
  /** The headers; only `content-type` is read. */
  readonly headers: { get(name: string): string | null };
  /** The body, which is read to its end, up to 256 KiB. */
  readonly body: AsyncIterable<Uint8Array> | null;
}

/** Options of {@linkcode deviceFlowToken}. */
export interface DeviceFlowOptions {
  /** The issuer to trust, or its discovery address; libpq's `oauth_issuer`. */
  readonly issuer: string;
  /** The address of the issuer's metadata that the server gave; it must belong to `issuer`. */
  readonly discoveryUri?: string;
  /** The client that logs in; libpq's `oauth_client_id`. */
  readonly clientId: string;
  /** The client's secret, sent by HTTP Basic authentication; a client without one is public. */
  readonly clientSecret?: string;
  /** The scopes to ask for, separated by spaces. */
  readonly scope?: string;
  /** Shows the code to a person; called once. */
  readonly prompt: (prompt: DevicePrompt) => void | Promise<void>;
  /** Aborts requests and waits; the token's promise then rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Replaces the platform's `fetch`: for a proxy, or for tests. */
  readonly fetch?: (url: string, request: HttpRequest) => Promise<HttpResponse>;
  /** Replaces the wait between two polls, given in seconds: for tests. */
  readonly wait?: (seconds: number, signal?: AbortSignal) => Promise<void>;
}

/**
 * Obtains a bearer token: a person confirms a code in a browser while the provider is polled.
 *
 * Every address must be https, no redirect is followed, and the issuer in the metadata must equal the
 * configured one, byte by byte. Source: RFC 8628; OpenID Connect Discovery 1.0; libpq's
 * fe-auth-oauth-curl.c.
 *
 * @throws {OperationalError} (28000) the provider cannot be reached, breaks the protocol, is not the
 * issuer, or refuses, or the code expired.
 * @throws the signal's reason, when it aborts.
 */
export async function deviceFlowToken(options: DeviceFlowOptions): Promise<string> {
  const provider = await discover(options);
  const answer = await post(options, provider.deviceEndpoint, {
    ...(options.scope ? { scope: options.scope } : {}),
  });
  if (answer.status !== 200) throw refusal("the device authorization", answer);
  const device = readDevice(answer.json);
  await options.prompt(device.prompt);
  return await poll(options, provider.tokenEndpoint, device);
}

interface Provider {
  readonly deviceEndpoint: string;
  readonly tokenEndpoint: string;
}

async function discover(options: DeviceFlowOptions): Promise<Provider> {
  const { issuer, uri } = resolveIssuer(options);
  const { status, json } = await request(options, uri, { method: "GET", headers: {} });
  if (status !== 200) {
    throw failure(`the request for the OAuth metadata failed with HTTP status ${status}`);
  }
  if (json.issuer !== issuer) throw failure("the OAuth metadata belong to another issuer");
  return {
    deviceEndpoint: endpoint(json, "device_authorization_endpoint"),
    tokenEndpoint: endpoint(json, "token_endpoint"),
  };
}

/** An issuer that is a discovery address itself fixes that address, as in libpq. */
function resolveIssuer(options: DeviceFlowOptions): { issuer: string; uri: string } {
  const { issuer, discoveryUri } = options;
  if (issuer.includes("/.well-known/")) {
    const own = issuerOf(issuer);
    if (discoveryUri === undefined || discoveryUri === issuer) return { issuer: own, uri: issuer };
    throw failure("the server names another OAuth discovery address than the configured one");
  }
  const uri = discoveryUri ?? `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  if (discoveryUri === undefined && !isHttps(uri)) {
    throw new InterfaceError("the OAuth issuer must be an https address");
  }
  if (discoveryUri === undefined || issuerOf(uri) === issuer) return { issuer, uri };
  throw failure("the server names an OAuth discovery address of another issuer");
}

interface Device {
  readonly code: string;
  readonly interval: number;
  readonly prompt: DevicePrompt;
}

function readDevice(json: Json): Device {
  const { interval = DEFAULT_INTERVAL, verification_uri_complete: complete } = json;
  if (typeof interval !== "number") throw failure("the OAuth provider's interval is not a number");
  // Some providers spell the name with an l.
  const uri = json.verification_uri === undefined ? "verification_url" : "verification_uri";
  return {
    code: text(json, "device_code"),
    interval: Math.min(Math.max(1, Math.ceil(interval)), MAX_INTERVAL),
    prompt: {
      userCode: text(json, "user_code"),
      verificationUri: text(json, uri),
      verificationUriComplete: typeof complete === "string" ? complete : undefined,
      expiresIn: number(json, "expires_in"),
    },
  };
}

async function poll(options: DeviceFlowOptions, url: string, device: Device): Promise<string> {
  const wait = options.wait ?? sleep;
  const form = { device_code: device.code, grant_type: GRANT };
  let interval = device.interval;
  for (let waited = interval; waited <= device.prompt.expiresIn; waited += interval) {
    await wait(interval, options.signal);
    options.signal?.throwIfAborted();
    const answer = await post(options, url, form);
    if (answer.status === 200) return readToken(answer.json);
    if (answer.json.error === "slow_down") interval += SLOW_DOWN;
    else if (answer.json.error !== "authorization_pending") {
      throw refusal("the OAuth token", answer);
    }
  }
  throw failure("the OAuth device code expired before it was confirmed");
}

function readToken(json: Json): string {
  if (text(json, "token_type").toLowerCase() !== "bearer") {
    throw failure("the OAuth provider issued a token that is not a bearer token");
  }
  return text(json, "access_token");
}

type Json = Readonly<Record<string, unknown>>;

interface Answer {
  readonly status: number;
  readonly json: Json;
}

/**
 * Sends a form. The client's name goes into the form or, together with its secret, into a header
 * (RFC 6749, section 2.3.1).
 */
async function post(
  options: DeviceFlowOptions,
  url: string,
  form: Record<string, string>,
): Promise<Answer> {
  const headers: Record<string, string> = { "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams(form);
  if (options.clientSecret === undefined) {
    body.set("client_id", options.clientId);
  } else {
    const pair = `${formEncode(options.clientId)}:${formEncode(options.clientSecret)}`;
    headers.authorization = `Basic ${encodeBase64(UTF8.encode(pair))}`;
  }
  return await request(options, url, { method: "POST", headers, body: body.toString() });
}

function formEncode(value: string): string {
  return new URLSearchParams([["", value]]).toString().slice(1);
}

async function request(
  options: DeviceFlowOptions,
  url: string,
  what: Pick<HttpRequest, "method" | "headers" | "body">,
): Promise<Answer> {
  const { signal } = options;
  const ask = options.fetch ?? fetch;
  try {
    const headers = { accept: "application/json", ...what.headers };
    const response = await ask(url, { ...what, headers, redirect: "manual", signal });
    return { status: response.status, json: await readJson(response) };
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof OperationalError) throw cause;
    throw failure("the OAuth provider could not be reached", cause);
  }
}

/** Reads the answer's JSON. The bodies of other statuses have no meaning in RFC 6749. */
async function readJson(response: HttpResponse): Promise<Json> {
  const body = await readBody(response);
  if (![200, 400, 401].includes(response.status)) return {};
  if (!/^application\/json[ \t]*(;|$)/i.test(response.headers.get("content-type") ?? "")) {
    throw failure("the OAuth provider's answer is not JSON");
  }
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Json;
  } catch {
    // The parser's error is no cause: it quotes the answer, tokens included.
  }
  throw failure("the OAuth provider's answer is not a JSON object");
}

async function readBody(response: HttpResponse): Promise<Uint8Array> {
  const bytes = new Uint8Array(MAX_ANSWER);
  let size = 0;
  for await (const chunk of response.body ?? []) {
    if (size + chunk.length > MAX_ANSWER) throw failure("the OAuth provider's answer is too long");
    bytes.set(chunk, size);
    size += chunk.length;
  }
  return bytes.subarray(0, size);
}

function endpoint(json: Json, name: string): string {
  const url = text(json, name);
  if (isHttps(url)) return url;
  throw failure(`the OAuth provider's ${name} is not an https address`);
}

function isHttps(url: string): boolean {
  return /^https:\/\//i.test(url);
}

function text(json: Json, name: string): string {
  const value = Object.hasOwn(json, name) ? json[name] : undefined;
  if (typeof value === "string" && value !== "") return value;
  throw failure(`the OAuth provider's answer has no ${name}`);
}

function number(json: Json, name: string): number {
  const value = Object.hasOwn(json, name) ? json[name] : undefined;
  if (typeof value === "number") return value;
  throw failure(`the OAuth provider's answer has no ${name}`);
}

/** Makes an error from `error` of RFC 6749. Its description is left out: it may hold a secret. */
function refusal(what: string, { status, json }: Answer): OperationalError {
  const known = typeof json.error === "string" && /^[\w.-]{1,64}$/.test(json.error);
  const reason = known ? json.error : `HTTP status ${status}`;
  return failure(`the OAuth provider refused ${what}: ${reason}`);
}

function failure(message: string, cause?: unknown): OperationalError {
  return new OperationalError(
    message,
    cause === undefined ? { code: "28000" } : {
      code: "28000",
      cause,
    },
  );
}

function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, ONCE);
  });
}
