/**
 * The messages of a login by a password or a mechanism of SASL or GSSAPI, in both directions. The rules
 * of `backend.ts` and `frontend.ts` hold.
 */
import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { Frontend } from "./tags.ts";

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
