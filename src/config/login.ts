import { InterfaceError } from "../errors/errors.ts";
import type { Signal } from "../runtime/runtime.ts";
import { type Given, given, givenText } from "./given.ts";

export { requiredAuth } from "./required_auth.ts";

/** The arguments of a token provider. */
export interface OAuthRequest {
  /** The role to log in as. */
  readonly user: string;
  /** The server's host, as the user named it. */
  readonly host: string;
  /** `oauthIssuer`, if given. */
  readonly issuer: string | undefined;
  /** `oauthClientId`, if given. */
  readonly clientId: string | undefined;
  /** `oauthScope`, if given: scopes, separated by spaces. */
  readonly scope: string | undefined;
  /** Aborts with the connection attempt. */
  readonly signal: Signal;
}

/** Returns a bearer token. Called for every attempt. */
export type OAuthTokenProvider = (request: OAuthRequest) => string | Promise<string>;

/** The instructions for the person who authorises a login by the device authorization flow. */
export interface OAuthPrompt {
  /** The page to open, with any browser on any device. */
  readonly verificationUri: string;
  /** The page with the code already entered, if the provider has one. */
  readonly verificationUriComplete: string | undefined;
  /** The code to enter on the page. */
  readonly userCode: string;
  /** Seconds until the code expires. */
  readonly expiresIn: number;
}

/** The source of bearer tokens: at most one of `token` and `prompt`. */
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

/** The arguments of a GSSAPI or SSPI provider. */
export interface GssRequest {
  /** The service in the principal `service/host`: `krbsrvname`, or `postgres`. */
  readonly service: string;
  /** The server's host, as the user named it. */
  readonly host: string;
  /** The role to log in as. The server decides which principals may use it. */
  readonly user: string;
  /** The mechanism that the server asks for. The tokens of SSPI are those of Negotiate. */
  readonly mechanism: "gss" | "sspi";
  /** Aborts with the connection attempt. */
  readonly signal: Signal;
}

/** The security context of one login, established by an exchange of tokens. */
export interface GssContext {
  /**
   * Takes the server's token, which is absent in the first call, and returns the next token to send,
   * or `undefined` if there is none.
   */
  step(token: Uint8Array | undefined): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Whether the context is established on this side; read when the server accepts the login. */
  readonly established: boolean;
}

/** Begins a GSSAPI or SSPI login. Called for every attempt. */
export type GssProvider = (request: GssRequest) => GssContext | Promise<GssContext>;

/** Keys that replace the password in SCRAM, in base64. */
export interface ScramSecret {
  readonly clientKey: string;
  readonly serverKey: string;
}

/**
 * Returns the SCRAM keys that replace the password, or `undefined` if none were given.
 *
 * @throws {InterfaceError} only one of the two was given, or a key is not 32 bytes in base64.
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
 * Returns the source of bearer tokens, or `undefined` if no option of OAuth was given.
 *
 * @throws {InterfaceError} the issuer is not an https address, or the device authorization flow lacks
 * an option.
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
