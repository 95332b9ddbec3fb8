/**
 * Strings of a few ASCII characters on V8, by one call with all codes: half as long as a call into the
 * runtime, and flat, where joining characters leaves a tree of pieces.
 */

/** The most bytes that are decoded here. From there on the runtime's own decoder is as fast. */
const MOST = 16;

const code = String.fromCharCode;

/** Returns a decoder of UTF-8 that decodes short ASCII here, and all else by `decode`. */
export function withShortText(
  decode: (bytes: Uint8Array, start: number, end: number) => string,
): (bytes: Uint8Array, start: number, end: number) => string {
  return (bytes, start, end) => {
    if (end - start > MOST) return decode(bytes, start, end);
    let all = 0;
    for (let i = start; i < end; i++) all |= bytes[i]!;
    return all > 127 ? decode(bytes, start, end) : asciiText(bytes, start, end - start);
  };
}

// deno-fmt-ignore
function asciiText(b: Uint8Array, i: number, length: number): string {
  switch (length) {
    case 1:
      return code(b[i]!);
    case 2:
      return code(b[i]!, b[i + 1]!);
    case 3:
      return code(b[i]!, b[i + 1]!, b[i + 2]!);
    case 4:
      return code(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!);
    case 5:
      return code(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!);
    case 6:
      return code(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!);
    case 7:
      return code(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!);
    case 8:
      return code(
        b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!,
      );
    case 9:
      return code(
        b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!,
        b[i + 8]!,
      );
    case 10:
      return code(
        b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!,
        b[i + 8]!, b[i + 9]!,
      );
    case 11:
      return code(
        b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!,
        b[i + 8]!, b[i + 9]!, b[i + 10]!,
      );
    case 12:
      return code(
        b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!,
        b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!,
      );
    case 13:
      return code(
        b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!,
        b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!, b[i + 12]!,
      );
    case 14:
      return code(
        b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!,
        b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!, b[i + 12]!, b[i + 13]!,
      );
    case 15:
      return code(
        b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!,
        b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!, b[i + 12]!, b[i + 13]!, b[i + 14]!,
      );
    case 16:
      return code(
        b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!,
        b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!, b[i + 12]!, b[i + 13]!, b[i + 14]!,
        b[i + 15]!,
      );
    default:
      return "";
  }
}
