/**
 * The authentication exchange: what the server asks for, answered by the mechanisms of `auth/`.
 * Source: manual, "Start-up" and "SASL Authentication" in the protocol's message flow.
 */
import { tlsServerEndPoint } from "../auth/channel_binding.ts";
import { md5Response } from "../auth/md5.ts";
import { passwordBytes } from "../auth/password.ts";
import { Scram } from "../auth/scram.ts";
import type { Settings, Target } from "../config/target.ts";
import { NotSupportedError, OperationalError, ProtocolError } from "../errors/errors.ts";
import { readRest, readSaslMechanisms } from "../protocol/backend.ts";
import { passwordMessage, saslInitialResponse, saslResponse } from "../protocol/frontend.ts";
import { Authentication, Backend, backendName } from "../protocol/tags.ts";
import type { Attempt } from "./dial.ts";
import { nextMessage } from "./startup.ts";
import type { Wire } from "./wire.ts";

/** As many random bytes as libpq puts in its nonce. */
const NONCE_BYTES = 18;

/** Proves who we are; returns when the server says AuthenticationOk. */
export async function authenticate(
  wire: Wire,
  settings: Settings,
  target: Target,
  attempt: Attempt,
): Promise<void> {
  const method = await authenticationRequest(wire, settings, true);
  attempt.stage = "authenticating";
  switch (method) {
    case Authentication.Ok:
      wire.reader.finish();
      return refuseUnbound(settings);
    case Authentication.CleartextPassword:
      wire.reader.finish();
      refuseUnbound(settings);
      passwordMessage(wire.out, passwordBytes(await secretOf(target), "password"));
      break;
    case Authentication.MD5Password: {
      const salt = wire.reader.bytes(4);
      wire.reader.finish();
      refuseUnbound(settings);
      const secret = await secretOf(target);
      const answer = md5Response(settings.user, secret, salt, settings.runtime.md5);
      passwordMessage(wire.out, new TextEncoder().encode(answer));
      break;
    }
    case Authentication.SASL:
      return await sasl(wire, settings, target);
    default:
      throw notSupported(method);
  }
  wire.flush();
  await expectAuthentication(wire, settings, Authentication.Ok);
  wire.reader.finish();
}

async function sasl(wire: Wire, settings: Settings, target: Target): Promise<void> {
  const mechanisms = readSaslMechanisms(wire.reader);
  const certificate = wire.tls?.certificate;
  const scram = new Scram({
    mechanisms,
    secret: await secretOf(target),
    channelBinding: settings.channelBinding,
    tls: wire.tls !== undefined,
    endPoint: certificate === undefined ? undefined : await tlsServerEndPoint(certificate),
    random: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)),
  });
  saslInitialResponse(wire.out, scram.mechanism, scram.clientFirst());
  wire.flush();
  await expectAuthentication(wire, settings, Authentication.SASLContinue);
  saslResponse(wire.out, await scram.clientFinal(readRest(wire.reader)));
  wire.flush();
  const method = await authenticationRequest(wire, settings);
  if (method === Authentication.Ok) scram.accept();
  if (method !== Authentication.SASLFinal) throw outOfOrder(method);
  scram.verify(readRest(wire.reader));
  await expectAuthentication(wire, settings, Authentication.Ok);
  wire.reader.finish();
  scram.accept();
}

/** Reads the next Authentication message up to its subtype, which it returns. */
async function authenticationRequest(
  wire: Wire,
  settings: Settings,
  isFirst = false,
): Promise<number> {
  const tag = await nextMessage(wire, settings, isFirst);
  if (tag === Backend.Authentication) return wire.reader.int32();
  throw new ProtocolError(`${backendName(tag)} where an Authentication message was due`);
}

async function expectAuthentication(
  wire: Wire,
  settings: Settings,
  expected: number,
): Promise<void> {
  const method = await authenticationRequest(wire, settings);
  if (method !== expected) throw outOfOrder(method);
}

function outOfOrder(method: number): ProtocolError {
  return new ProtocolError(`Authentication message ${method} came out of order`);
}

async function secretOf({ password }: Target): Promise<string | Uint8Array | undefined> {
  return typeof password === "function" ? await password() : password;
}

/** Only SCRAM-SHA-256-PLUS binds a login to the channel. */
function refuseUnbound({ channelBinding }: Settings): void {
  if (channelBinding !== "require") return;
  throw new OperationalError(
    "channel binding is required, but the server did not ask for SCRAM authentication",
    { code: "28000" },
  );
}

const NAMES: Readonly<Record<number, string>> = {
  [Authentication.KerberosV5]: "Kerberos V5",
  [Authentication.GSS]: "GSSAPI",
  [Authentication.GSSContinue]: "GSSAPI",
  [Authentication.SSPI]: "SSPI",
};

function notSupported(method: number): NotSupportedError {
  const name = NAMES[method] ?? "an unknown one";
  return new NotSupportedError(
    `the server asks for an authentication method that is not supported: ${method} (${name})`,
  );
}
