/** The beginning of a connection URI. */
export const URI_PREFIX: RegExp = /^postgres(?:ql)?:\/\//;

/** Reports whether a text begins like a connection URI. */
export function isUri(text: string): boolean {
  return URI_PREFIX.test(text);
}
