import { InterfaceError } from "../errors/errors.ts";
import type { Signal } from "../runtime/runtime.ts";
import { type Given, given, givenText } from "./given.ts";

/** What is known when a token is needed. */
export interface OAuthRequest {
  /** The role to log in as. */
  readonly user: string;
  /** The host to log in at, as the user named it. */
  readonly host: string;
  /** `oauthIssuer`, when it was given. */
  readonly issuer: string | undefined;
  /** `oauthClientId`, when it was given. */
  readonly clientId: string | undefined;
  /** Scopes, separated by spaces: `oauthScope`, when it was given. */
  readonly scope: string | undefined;
  /** Aborts with the connection attempt. */
  readonly signal: Signal;
}

/** Provides a bearer token; called anew for every attempt. */
export type OAuthTokenProvider = (request: OAuthRequest) => string | Promise<string>;

/** What to show to the person who is to authorise a login by the device authorization flow. */
export interface OAuthPrompt {
  /** Where to go, with any browser on any device. */
  readonly verificationUri: string;
  /** The same with the code already in it; not every provider has it. */
  readonly verificationUriComplete: string | undefined;
  /** What to enter there. */
  readonly userCode: string;
  /** Seconds until the code expires. */
  readonly expiresIn: number;
}

/** How to come by a bearer token; one of `token` and `prompt`, if any. */
export interface OAuthSettings {
  readonly issuer: string | undefined;
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  readonly scope: string | undefined;
  readonly token: OAuthTokenProvider | undefined;
  readonly prompt: ((prompt: OAuthPrompt) => void | Promise<void>) | undefined;
  /** The weakest TLS under which a token is sent. */
  readonly sslMode: "require" | "verify-ca" | "verify-full";
}

/** What a GSSAPI or SSPI login is for. */
export interface GssRequest {
  /** The service's name, of the principal `service/host`: `krbsrvname`, or `postgres`. */
  readonly service: string;
  /** The server's host, as the user named it. */
  readonly host: string;
  /** The role to log in as; which principals may do so is the server's to decide. */
  readonly user: string;
  /** What the server asks for; SSPI's tokens are those of Negotiate. */
  readonly mechanism: "gss" | "sspi";
  /** Aborts with the connection attempt. */
  readonly signal: Signal;
}

/** One login: a security context that is established by an exchange of tokens. */
export interface GssContext {
  /**
   * The next token for the server; `undefined` when there is none to send. First called without a
   * token of the server's.
   */
  step(token: Uint8Array | undefined): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Whether the context is established on our side; looked at when the server says that all is well. */
  readonly established: boolean;
}

/** Begins a GSSAPI or SSPI login; called anew for every attempt. */
export type GssProvider = (request: GssRequest) => GssContext | Promise<GssContext>;

/** Keys that stand for the password in SCRAM, in base64. */
export interface ScramSecret {
  readonly clientKey: string;
  readonly serverKey: string;
}

/** The ways a server can ask for proof of who we are, by the names that `requireAuth` gives them. */
export const AUTH_METHODS = [
  "password",
  "md5",
  "gss",
  "sspi",
  "scram-sha-256",
  "oauth",
  "none",
] as const;

/** One of {@linkcode AUTH_METHODS}; `none`: the server asks for nothing, or for a certificate. */
export type AuthMethod = typeof AUTH_METHODS[number];

/** What `requireAuth` comes to. */
export interface RequiredAuth {
  /** As given, for messages. */
  readonly text: string;
  /** Everything else is refused. */
  readonly methods: ReadonlySet<AuthMethod>;
}

/**
 * The methods that `requireAuth` lets the server ask for; `undefined`: any.
 *
 * Source: PostgreSQL 18 manual, `require_auth`; `pqConnectOptions2` of `fe-connect.c`.
 *
 * @throws {InterfaceError} a method is unknown or named twice, or some are negated and others not.
 */
export function requiredAuth(values: Given): RequiredAuth | undefined {
  const value = given(values, "require_auth");
  if (value === undefined) return undefined;
  const { name, text } = value;
  const parts = text.split(",");
  const negative = parts[0]!.startsWith("!");
  const named = parts.map((part) => {
    if (part.startsWith("!") !== negative) {
      throw new InterfaceError(`${name} mixes methods with "!" and methods without`);
    }
    const method = negative ? part.slice(1) : part;
    if (AUTH_METHODS.includes(method as AuthMethod)) return method as AuthMethod;
    throw new InterfaceError(`${name} must be a list of ${AUTH_METHODS.join(", ")}`);
  });
  const listed = new Set(named);
  if (listed.size < named.length) throw new InterfaceError(`${name} names a method twice`);
  if (!negative) return { text, methods: listed };
  return { text, methods: new Set(AUTH_METHODS.filter((method) => !listed.has(method))) };
}

/**
 * SCRAM keys in place of the password; `undefined` when none were given.
 *
 * @throws {InterfaceError} only one of the two was given, or it is not 32 bytes in base64.
 */
export function scramSecret(values: Given): ScramSecret | undefined {
  const clientKey = scramKey(values, "scram_client_key");
  const serverKey = scramKey(values, "scram_server_key");
  if (clientKey === undefined && serverKey === undefined) return undefined;
  if (clientKey !== undefined && serverKey !== undefined) return { clientKey, serverKey };
  throw new InterfaceError("scramClientKey and scramServerKey must be given together");
}

function scramKey(values: Given, keyword: string): string | undefined {
  const value = given(values, keyword);
  if (value === undefined || /^[A-Za-z0-9+/]{43}=$/.test(value.text)) return value?.text;
  throw new InterfaceError(`${value.name} must be 32 bytes in base64`);
}

/** The options of `connect()` for OAuth. */
interface OAuthOptions {
  readonly oauthToken?: OAuthSettings["token"];
  readonly oauthPrompt?: OAuthSettings["prompt"];
  readonly oauthSslMode?: OAuthSettings["sslMode"] | undefined;
}

/**
 * How to come by a bearer token; `undefined` when nothing of OAuth was given.
 *
 * @throws {InterfaceError} the issuer is no https address, or something is missing for the device
 * authorization flow.
 */
export function oauthSettings(values: Given, options: OAuthOptions): OAuthSettings | undefined {
  const { oauthToken: token, oauthPrompt: prompt } = options;
  const issuer = givenText(values, "oauth_issuer");
  const clientId = givenText(values, "oauth_client_id");
  const clientSecret = givenText(values, "oauth_client_secret");
  const scope = givenText(values, "oauth_scope");
  if (issuer !== undefined && !/^https:\/\/[^/?#]/i.test(issuer)) {
    throw new InterfaceError(`${given(values, "oauth_issuer")!.name} must be an https address`);
  }
  if (token !== undefined && prompt !== undefined) {
    throw new InterfaceError("oauthToken and oauthPrompt exclude each other");
  }
  if (prompt !== undefined && (issuer === undefined || clientId === undefined)) {
    throw new InterfaceError("oauthPrompt needs oauthIssuer and oauthClientId");
  }
  const found = { issuer, clientId, clientSecret, scope, token, prompt };
  if (Object.values(found).every((value) => value === undefined)) return undefined;
  return { ...found, sslMode: options.oauthSslMode ?? "verify-full" };
}
