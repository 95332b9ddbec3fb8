/**
 * The answers to a server that asks for a login, by the mechanisms of `auth/`. This module is loaded
 * when a server asks. Source: manual, "Start-up" and "SASL Authentication" in the protocol's message
 * flow; libpq's fe-auth.c.
 */
import { tlsServerEndPoint } from "../auth/channel_binding.ts";
import { md5Response } from "../auth/md5.ts";
import { OAuthBearer } from "../auth/oauth.ts";
import { passwordBytes } from "../auth/password.ts";
import { Scram } from "../auth/scram.ts";
import type { GssContext } from "../config/login.ts";
import type { AuthMethod } from "../config/required_auth.ts";
import type { Target } from "../config/target.ts";
import {
  InterfaceError,
  NotSupportedError,
  OperationalError,
  PgError,
  ProtocolError,
} from "../errors/errors.ts";
import {
  passwordMessage,
  readRest,
  readSaslMechanisms,
  saslInitialResponse,
  saslResponse,
} from "../protocol/login_messages.ts";
import { Authentication } from "../protocol/authentication.ts";
import { authenticationRequest, type Login } from "./auth_request.ts";
import { unlessAborted } from "./deadline.ts";
import type { Start } from "./start.ts";
import type { Wire } from "./wire.ts";

/** The length of the nonce in random bytes, as in libpq. */
const NONCE_BYTES = 18;
/** The most rounds of a GSSAPI login; Kerberos needs two, SPNEGO a few more. */
const MAX_ROUNDS = 20;

/** Logs in by the method that the server asks for; returns at AuthenticationOk. */
export async function logIn(login: Login, method: number): Promise<void> {
  const { wire, settings } = login;
  switch (method) {
    case Authentication.Ok:
      wire.reader.finish();
      return admit(login, "none");
    case Authentication.CleartextPassword:
      wire.reader.finish();
      admit(login, "password");
      passwordMessage(wire.out, passwordBytes(await secretOf(login), "password"));
      break;
    case Authentication.MD5Password: {
      const salt = wire.reader.bytes(4);
      wire.reader.finish();
      admit(login, "md5");
      const answer = md5Response(settings.user, await secretOf(login), salt, settings.runtime.md5);
      passwordMessage(wire.out, new TextEncoder().encode(answer));
      break;
    }
    case Authentication.SASL:
      return await sasl(login);
    case Authentication.GSS:
      return await gss(login, "gss");
    case Authentication.SSPI:
      return await gss(login, "sspi");
    default:
      throw notSupported(method);
  }
  wire.flush();
  await expectAuthentication(login, Authentication.Ok);
  wire.reader.finish();
}

/**
 * Refuses a method that `requireAuth` does not allow, and all but SCRAM where channel binding is
 * required: only SCRAM-SHA-256-PLUS binds a login to the channel.
 */
function admit({ settings }: Login, method: AuthMethod): void {
  const { requireAuth, channelBinding } = settings;
  if (requireAuth !== undefined && !requireAuth.methods.has(method)) {
    throw new OperationalError(
      `requireAuth is "${requireAuth.text}", but the server ${ASKS[method]}`,
      { code: "28000" },
    );
  }
  if (channelBinding !== "require" || method === "scram-sha-256") return;
  throw new OperationalError(
    "channel binding is required, but the server did not ask for SCRAM authentication",
    { code: "28000" },
  );
}

const ASKS: Readonly<Record<AuthMethod, string>> = {
  "none": "asks for no authentication",
  "password": "asks for a cleartext password",
  "md5": "asks for an MD5 password",
  "gss": "asks for GSSAPI authentication",
  "sspi": "asks for SSPI authentication",
  "scram-sha-256": "asks for SCRAM authentication",
  "oauth": "asks for an OAuth token",
};

async function sasl(login: Login): Promise<void> {
  const mechanisms = readSaslMechanisms(login.wire.reader);
  const bearer = mechanisms.includes("OAUTHBEARER");
  const scrams = mechanisms.some((name) => name.startsWith("SCRAM-"));
  const { requireAuth } = login.settings;
  const tokenOnly = !scrams || requireAuth?.methods.has("scram-sha-256") === false;
  if (bearer && tokenOnly) await oauth(login);
  else await scram(login, mechanisms);
}

async function scram(login: Login, mechanisms: readonly string[]): Promise<void> {
  const { wire, settings, target, start } = login;
  admit(login, "scram-sha-256");
  const scram = new Scram({
    mechanisms,
    secret: settings.scramKeys ?? await secretOf(login),
    channelBinding: settings.channelBinding,
    tls: wire.tls !== undefined,
    endPoint: await endPointOf(login),
    verified: wire.tls?.isVerified === true || isVerified(target),
    random: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)),
    sha256: settings.runtime.sha256,
  });
  saslInitialResponse(wire.out, scram.mechanism, scram.clientFirst());
  wire.flush();
  await expectAuthentication(login, Authentication.SASLContinue);
  const proof = scram.clientFinal(readRest(wire.reader));
  saslResponse(wire.out, await unlessAborted(proof, start.signal));
  wire.flush();
  const method = await authenticationRequest(login);
  if (method === Authentication.Ok) scram.accept();
  if (method !== Authentication.SASLFinal) throw outOfOrder(method);
  scram.verify(readRest(wire.reader));
  await expectAuthentication(login, Authentication.Ok);
  wire.reader.finish();
  scram.accept();
}

/** Returns the data that SCRAM is bound to, or the reason why there are none. */
async function endPointOf({ wire, settings }: Login): Promise<Uint8Array | string> {
  if (wire.tls === undefined || settings.channelBinding === "disable") return "it is not wanted";
  const { certificate, unbindable } = wire.tls;
  if (unbindable !== undefined) return unbindable;
  if (certificate === undefined) return "the server's certificate is not known";
  return await tlsServerEndPoint(certificate) ??
    "the signature of the server's certificate has no hash to bind to";
}

/** Reports whether the server's certificate was held against roots that the user has named. */
function isVerified({ tls }: Target): boolean {
  return tls !== undefined && (tls.verify === "full" || (tls.verify === "ca" && !!tls.ca));
}

/** Logs in with a token. One that must be obtained first is requested by `start.wanted`. */
async function oauth(login: Login): Promise<void> {
  const { wire, start } = login;
  admit(login, "oauth");
  checkTrust(login);
  const token = start.token ?? await tokenOf(login);
  const bearer = new OAuthBearer(token);
  saslInitialResponse(wire.out, bearer.mechanism, bearer.clientFirst());
  wire.flush();
  const method = await authenticationRequest(login);
  if (method === Authentication.Ok) {
    wire.reader.finish();
    return bearer.accept();
  }
  if (method !== Authentication.SASLContinue) throw outOfOrder(method);
  saslResponse(wire.out, bearer.refuse(readRest(wire.reader)));
  wire.flush();
  if (token === undefined) start.wanted = bearer.refusal;
  const report = await authenticationRequest(login).catch((error: unknown) => error);
  throw typeof report === "number" ? outOfOrder(report) : bearer.failure(report);
}

/**
 * Refuses to send a bearer token to a server that is verified less than `oauthSslMode` asks for: unlike
 * a SCRAM proof, a token can be used by anyone who gets it.
 */
function checkTrust({ wire, settings, target }: Login): void {
  const { sslMode = "verify-full" } = settings.oauth ?? {};
  const refuse = (what: string): never => {
    throw new OperationalError(`the server asks for an OAuth token, which is not sent ${what}`, {
      code: "28000",
    });
  };
  if (wire.tls === undefined) refuse("over a connection without TLS");
  const isEnough = {
    "require": true,
    "verify-ca": wire.tls?.isVerified || isVerified(target),
    "verify-full": wire.tls?.isVerified || target.tls?.verify === "full",
  };
  if (isEnough[sslMode]) return;
  refuse(
    `to a server that is verified by less than ${sslMode}; set sslMode "${sslMode}", or oauthSslMode`,
  );
}

/** Returns the user's token; `undefined` if the device flow obtains it after the server's answer. */
async function tokenOf({ settings, target, start }: Login): Promise<string | undefined> {
  const { token, prompt, issuer, clientId, scope } = settings.oauth ?? {};
  if (prompt !== undefined) return undefined;
  if (token === undefined) {
    throw new InterfaceError(
      "the server asks for an OAuth token, but neither oauthToken nor oauthPrompt was given",
      { code: "28000" },
    );
  }
  const { signal } = start;
  const request = { user: settings.user, host: target.host, issuer, clientId, scope, signal };
  const answer: unknown = await answerOf("oauthToken", () => token(request), start);
  return typeof answer === "string" ? answer : wrong("oauthToken", "a string", answer);
}

async function gss(login: Login, mechanism: "gss" | "sspi"): Promise<void> {
  const { wire, settings, target, start } = login;
  wire.reader.finish();
  admit(login, mechanism);
  const { provider, service } = settings.gss;
  if (provider === undefined) {
    const hint = ", which needs the option gssProvider";
    throw mechanism === "gss"
      ? notSupported(Authentication.GSS, hint)
      : notSupported(Authentication.SSPI, hint);
  }
  const { user } = settings;
  const request = { service, host: target.host, user, mechanism, signal: start.signal };
  const context = await answerOf("gssProvider", () => provider(request), start);
  let token = await tokenFrom(context, undefined, start);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (token !== undefined) saslResponse(wire.out, token);
    wire.flush();
    const method = await authenticationRequest(login);
    if (method === Authentication.Ok) return established(wire, context);
    if (method !== Authentication.GSSContinue) throw outOfOrder(method);
    const answer = readRest(wire.reader);
    token = await tokenFrom(context, answer, start);
  }
  throw new ProtocolError(`the GSSAPI exchange did not end in ${MAX_ROUNDS} rounds`);
}

async function tokenFrom(
  context: GssContext,
  answer: Uint8Array | undefined,
  start: Start,
): Promise<Uint8Array | undefined> {
  const token: unknown = await answerOf("gssProvider", () => context.step(answer), start);
  if (token === undefined || token instanceof Uint8Array) return token;
  return wrong("gssProvider", "a Uint8Array", token);
}

function established(wire: Wire, context: GssContext): void {
  wire.reader.finish();
  if (context.established) return;
  throw new ProtocolError("the server reports success before the GSSAPI context was established");
}

async function secretOf({ target, start }: Login): Promise<string | Uint8Array | undefined> {
  const { password, passwordFile } = target;
  if (typeof password === "function") {
    const answer: unknown = await answerOf("password", password, start);
    if (typeof answer === "string" || answer instanceof Uint8Array) return answer;
    return wrong("password", "a string or a Uint8Array", answer);
  }
  if (password !== undefined || passwordFile === undefined) return password;
  const found = await unlessAborted(passwordFile(), start.signal);
  if (found.password !== undefined || found.hint === undefined) return found.password;
  throw new InterfaceError(
    `the server asks for a password, but none was provided; ${found.hint}`,
    { code: "28P01" },
  );
}

/** Returns the result of a function of the user's, unless the attempt ends first. */
async function answerOf<T>(
  option: string,
  ask: () => T | PromiseLike<T>,
  start: Start,
): Promise<T> {
  try {
    return await unlessAborted(ask(), start.signal);
  } catch (cause) {
    if (start.signal.aborted || cause instanceof PgError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OperationalError(`${option} failed: ${reason}`, { code: "28000", cause });
  }
}

/** Throws for an answer of the wrong type. The answer is not shown: it may be a secret. */
function wrong(option: string, due: string, answer: unknown): never {
  const found = answer === null ? "null" : typeof answer;
  throw new InterfaceError(`${option} must return ${due}, not ${found}`, { code: "28000" });
}

const NAMES: Readonly<Record<number, string>> = {
  [Authentication.KerberosV5]: "Kerberos V5",
  [Authentication.GSS]: "GSSAPI",
  [Authentication.SSPI]: "SSPI",
};

function notSupported(method: number, hint = ""): NotSupportedError {
  const name = NAMES[method] ?? "an unknown one";
  return new NotSupportedError(
    `the server asks for an authentication method that is not supported: ${method} (${name})${hint}`,
  );
}

/** Reads the next Authentication message. @throws {ProtocolError} it is another than expected. */
async function expectAuthentication(login: Login, expected: number): Promise<void> {
  const method = await authenticationRequest(login);
  if (method !== expected) throw outOfOrder(method);
}

/** Returns the violation of an Authentication message that is not due. */
function outOfOrder(method: number): ProtocolError {
  return new ProtocolError(`Authentication message ${method} came out of order`);
}
