import { passwordBytes } from "./password.ts";

const UTF8 = new TextEncoder();

/**
 * Returns the answer to AuthenticationMD5Password: `md5` and the hexadecimal digest of the salted
 * digest of password and user name.
 *
 * `md5` is the hash function, which WebCrypto lacks; `salt` is the four bytes that the server sent.
 * Source: manual, "Message Flow", AuthenticationMD5Password.
 *
 * @throws {InterfaceError} there is no password.
 */
export function md5Response(
  user: string,
  password: string | Uint8Array | undefined,
  salt: Uint8Array,
  md5: (bytes: Uint8Array) => Uint8Array,
): string {
  const stored = md5(join(passwordBytes(password, "md5"), UTF8.encode(user)));
  return `md5${hex(md5(join(UTF8.encode(hex(stored)), salt)))}`;
}

function join(left: Uint8Array, right: Uint8Array): Uint8Array {
  const joined = new Uint8Array(left.length + right.length);
  joined.set(left);
  joined.set(right, left.length);
  return joined;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
