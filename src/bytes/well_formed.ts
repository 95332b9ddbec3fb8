import { InterfaceError } from "../errors/errors.ts";

const UTF8 = new TextEncoder();

/**
 * Refuses a string with half of a surrogate pair in it: the platform's encoders write U+FFFD in its
 * place, so that the server would store another text. The server refuses such bytes with the same
 * code.
 *
 * @throws {InterfaceError} `text` has no UTF-8; the message names `what` and does not quote the text.
 */
export function checkWellFormed(text: string, what: string): void {
  if (text.isWellFormed()) return;
  throw new InterfaceError(`${what} contains a lone surrogate, which UTF-8 cannot encode`, {
    code: "22021",
  });
}

/**
 * Returns the UTF-8 of a text.
 *
 * @throws {InterfaceError} `text` has none; the message names `what` and does not quote the text.
 */
export function encodeUtf8(text: string, what: string): Uint8Array<ArrayBuffer> {
  checkWellFormed(text, what);
  return UTF8.encode(text);
}
