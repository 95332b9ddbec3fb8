/**
 * The server's side of password authentication, for scripts: SCRAM-SHA-256 (-PLUS), MD5, cleartext.
 * After RFC 5802, RFC 7677 and the manual's "SASL Authentication"; independent of the driver's code.
 *
 * @example
 * ```ts
 * handshake({ authentication: [scram({ password: "secret" })] })
 * ```
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { EndOfScript, type Peer } from "./peer.ts";
import type { Step } from "./steps.ts";
import {
  authenticationCleartextPassword,
  authenticationMd5Password,
  authenticationSasl,
  authenticationSaslContinue,
  authenticationSaslFinal,
  errorResponse,
} from "./server_messages.ts";

/** How the server behaves in a SCRAM exchange. */
export interface ScramOptions {
  /** As SASLprep leaves it. */
  readonly password: string;
  /** Offered in this order; `["SCRAM-SHA-256"]` by default. */
  readonly mechanisms?: readonly string[];
  /** The tls-server-end-point data that channel binding must carry. */
  readonly channelBinding?: Uint8Array;
  /** The client must choose PLUS (`true`), or must not (`false`). */
  readonly mustBind?: boolean;
  /** 4096 by default. */
  readonly iterations?: number;
  readonly salt?: Uint8Array;
  /** The client is expected to fail: it gets the server's error 28P01, and the script is over. */
  readonly refuses?: boolean;
  /** Change what is sent: server-first-message and server-final-message. */
  readonly tamperFirst?: (text: string) => string;
  readonly tamperFinal?: (text: string) => string;
}

/** The whole exchange up to AuthenticationSASLFinal; AuthenticationOk is the next step's. */
export function scram(options: ScramOptions): Step {
  return { title: "SCRAM", run: (peer) => exchange(peer, options) };
}

/** AuthenticationMD5Password and the check of the answer. */
export function md5(user: string, password: string, options: { refuses?: boolean } = {}): Step {
  return {
    title: "MD5",
    async run(peer) {
      const salt = randomBytes(4);
      await peer.send(authenticationMd5Password(salt));
      const answer = await passwordMessage(peer);
      const inner = createHash("md5").update(password + user).digest("hex");
      const outer = createHash("md5").update(inner).update(salt).digest("hex");
      await verdict(peer, answer === `md5${outer}`, options.refuses);
    },
  };
}

/** AuthenticationCleartextPassword and the check of the answer. */
export function cleartext(password: string, options: { refuses?: boolean } = {}): Step {
  return {
    title: "cleartext password",
    async run(peer) {
      await peer.send(authenticationCleartextPassword());
      await verdict(peer, await passwordMessage(peer) === password, options.refuses);
    },
  };
}

async function exchange(peer: Peer, options: ScramOptions): Promise<void> {
  const mechanisms = options.mechanisms ?? ["SCRAM-SHA-256"];
  await peer.send(authenticationSasl(mechanisms));
  const initial = initialResponse((await expectPassword(peer)).body);
  if (!mechanisms.includes(initial.mechanism)) throw new Error(`chose ${initial.mechanism}`);
  const [, gs2, bare] = match(initial.data, /^((?:n|y|p=tls-server-end-point),,)(.*)$/s);
  checkBindingFlag(gs2!, initial.mechanism, mechanisms);
  if (options.mustBind !== undefined && options.mustBind !== gs2!.startsWith("p=")) {
    throw new Error(`gs2 header ${gs2}`);
  }
  const [, clientNonce] = match(bare!, /^n=[^,]*,r=([!-+\--~]+)$/);

  const salt = options.salt ?? randomBytes(16);
  const iterations = options.iterations ?? 4096;
  const nonce = clientNonce + randomBytes(18).toString("base64");
  const honest = `r=${nonce},s=${Buffer.from(salt).toString("base64")},i=${iterations}`;
  const serverFirst = options.tamperFirst?.(honest) ?? honest;
  await peer.send(authenticationSaslContinue(serverFirst));

  const final = text((await expectPassword(peer)).body);
  const [, withoutProof, binding, finalNonce, proof] = match(
    final,
    /^(c=([A-Za-z0-9+/=]+),r=([^,]+)),p=([A-Za-z0-9+/=]+)$/,
  );
  if (finalNonce !== nonce) throw new Error("client-final-message carries another nonce");
  checkBindingData(binding!, gs2!, options.channelBinding);

  const keys = deriveKeys(options.password, salt, iterations);
  const authMessage = `${bare},${serverFirst},${withoutProof}`;
  const right = proofIsRight(keys, authMessage, proof!);
  await verdict(peer, right, options.refuses);
  if (!right) return;
  const signature = `v=${hmac(keys.serverKey, authMessage).toString("base64")}`;
  await peer.send(authenticationSaslFinal(options.tamperFinal?.(signature) ?? signature));
}

function initialResponse(body: Uint8Array): { mechanism: string; data: string } {
  const end = body.indexOf(0);
  const length = new DataView(body.buffer, body.byteOffset).getInt32(end + 1);
  const data = body.subarray(end + 5);
  if (data.length !== length) throw new Error("SASLInitialResponse: the length is wrong");
  return { mechanism: text(body.subarray(0, end)), data: text(data) };
}

/** RFC 5802, section 6: `y` while the server offers -PLUS means that an attacker removed the offer. */
function checkBindingFlag(gs2: string, chosen: string, offered: readonly string[]): void {
  const plus = chosen.endsWith("-PLUS");
  if (plus !== gs2.startsWith("p=")) throw new Error(`gs2 header ${gs2} with ${chosen}`);
  if (gs2 === "y,," && offered.some((name) => name.endsWith("-PLUS"))) {
    throw new Error("the client says it can bind channels but did not, though it was offered");
  }
}

function checkBindingData(base64: string, gs2: string, expected: Uint8Array | undefined): void {
  const bound = gs2.startsWith("p=") ? Buffer.from(expected ?? []) : Buffer.alloc(0);
  const wanted = Buffer.concat([Buffer.from(gs2), bound]).toString("base64");
  if (base64 !== wanted) throw new Error("channel binding data differ");
}

function deriveKeys(password: string, salt: Uint8Array, iterations: number): {
  storedKey: Buffer;
  serverKey: Buffer;
} {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest();
  return { storedKey, serverKey: hmac(salted, "Server Key") };
}

function proofIsRight(keys: { storedKey: Buffer }, authMessage: string, proof: string): boolean {
  const signature = hmac(keys.storedKey, authMessage);
  const given = Buffer.from(proof, "base64");
  if (given.length !== signature.length) return false;
  const clientKey = given.map((byte, i) => byte ^ signature[i]!);
  return timingSafeEqual(createHash("sha256").update(clientKey).digest(), keys.storedKey);
}

function hmac(key: Uint8Array, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

async function verdict(peer: Peer, right: boolean, refuses = false): Promise<void> {
  if (right && refuses) {
    throw new Error("the password was right, and the script expected a wrong one");
  }
  if (right) return;
  const fields = { S: "FATAL", V: "FATAL", C: "28P01", M: "password authentication failed" };
  await peer.send(errorResponse(fields));
  await peer.close();
  if (!refuses) throw new Error("the client's password or proof is wrong");
  throw new EndOfScript();
}

async function expectPassword(peer: Peer): Promise<{ body: Uint8Array }> {
  const message = await peer.receive("a password message");
  if (message.tag !== "p") throw new Error(`expected p, the client sent ${message.tag}`);
  return message;
}

async function passwordMessage(peer: Peer): Promise<string> {
  const { body } = await expectPassword(peer);
  if (body.at(-1) !== 0) throw new Error("PasswordMessage without its NUL byte");
  return text(body.subarray(0, -1));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function match(subject: string, pattern: RegExp): RegExpExecArray {
  const found = pattern.exec(subject);
  if (!found) throw new Error(`SCRAM message does not fit ${pattern}: ${subject}`);
  return found;
}
