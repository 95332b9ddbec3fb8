/**
 * Returns untrusted text in a form that is safe to quote in a message: cut to `most` characters, with
 * control characters, line breaks and invisible or bidirectional format characters as escapes. Quoted
 * raw, the words of a server that has not proved its identity could forge lines of a log.
 */
export function escaped(text: string, most: number = 500): string {
  const shown = text.length > most ? `${text.slice(0, most)}…` : text;
  return shown.replace(
    HIDDEN,
    (char) => SHORT[char] ?? `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
