/** The parts of Node's library that this entry point gives to its users. Deno and Bun have them, too. */
import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import process from "node:process";

export { Buffer } from "node:buffer";
export { Readable, Writable } from "node:stream";
export type { Readable as NodeReadable, Writable as NodeWritable } from "node:stream";

/** Returns a `Buffer` over bytes that nothing else uses. */
export function bufferOver(bytes: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Returns an environment variable; `undefined` if it is unset or not permitted. */
export function environment(name: string): string | undefined {
  try {
    return Object.hasOwn(process.env, name) ? process.env[name] : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the name of the operating system's user; `undefined` if it is not known. */
export function osUserName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** Reads a file's text. @throws the system's error. */
export async function readText(path: string | URL): Promise<string> {
  return await readFile(path, "utf8");
}
