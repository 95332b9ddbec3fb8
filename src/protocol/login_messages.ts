/**
 * The messages of a login by a password or a mechanism of SASL or GSSAPI, in both directions, and the
 * negotiation of the protocol's version. The rules of `backend.ts` and `frontend.ts` hold.
 */
import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { Frontend } from "./tags.ts";

/** Reads NegotiateProtocolVersion: the newest minor version and the options that the server does not know. */
export function readNegotiateProtocolVersion(
  reader: Reader,
): { version: number; unrecognized: string[] } {
  const version = reader.int32();
  const count = reader.count(reader.int32(), 1);
  const unrecognized: string[] = [];
  for (let i = 0; i < count; i++) unrecognized.push(reader.cstring());
  reader.finish();
  return { version, unrecognized };
}

/** Reads AuthenticationSASL: the mechanisms that the server offers. */
export function readSaslMechanisms(reader: Reader): string[] {
  const mechanisms: string[] = [];
  for (;;) {
    const name = reader.cstring();
    if (name === "") break;
    mechanisms.push(name);
  }
  reader.finish();
  return mechanisms;
}

/** Returns a copy of the rest of a message. */
export function readRest(reader: Reader): Uint8Array<ArrayBuffer> {
  return reader.bytes(reader.remaining);
}

/** Appends PasswordMessage; `password` is hashed already where the method requires it. */
export function passwordMessage(out: Writer, password: Uint8Array): void {
  const at = out.beginMessage(Frontend.Password);
  if (password.includes(0)) throw new InterfaceError("the password contains a zero byte");
  out.bytes(password);
  out.uint8(0);
  out.endMessage(at);
}

/** Appends SASLInitialResponse. */
export function saslInitialResponse(out: Writer, mechanism: string, data: Uint8Array): void {
  const at = out.beginMessage(Frontend.Password);
  out.cstring(mechanism, "the SASL mechanism");
  out.int32(data.length);
  out.bytes(data);
  out.endMessage(at);
}

/** Appends SASLResponse. */
export function saslResponse(out: Writer, data: Uint8Array): void {
  const at = out.beginMessage(Frontend.Password);
  out.bytes(data);
  out.endMessage(at);
}
