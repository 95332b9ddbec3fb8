import { Buffer } from "../node.ts";

/** Reads the text of a `bytea`, in hex or, by `bytea_output = escape`, with octal escapes. */
export function parseBytea(text: string): Buffer {
  if (text.startsWith("\\x")) return Buffer.from(text.slice(2), "hex");
  const plain = text.replace(
    /\\(?:([0-7]{3})|\\)/g,
    (_, octal: string | undefined) =>
      octal === undefined ? "\\" : String.fromCharCode(parseInt(octal, 8)),
  );
  return Buffer.from(plain, "latin1");
}
