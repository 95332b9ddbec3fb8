/** The modules of the npm package, apart from their declarations. */

/**
 * Returns a module as it is published. `deno pack` puts the computed names of methods into variables in
 * front of their class, which are an effect of the import and 0.15 kB of a bundle. All of them are
 * well-known symbols, so each goes back to its place.
 *
 * @throws {Error} a computed name is something else.
 */
export function publishedModule(text: string): string {
  if (!text.includes("_computedKey")) return text;
  const names = new Map(
    [...text.matchAll(/\b(_computedKey\d*) = (Symbol\.\w+)\b/g)]
      .map(([, variable = "", symbol = ""]) => [variable, symbol]),
  );
  const plain = text
    .replaceAll(/\bvar _computedKey\d*(?:, _computedKey\d*)*;\n?/g, "")
    .replaceAll(/^_computedKey\d* = Symbol\.\w+(?:, _computedKey\d* = Symbol\.\w+)*;\n/gm, "")
    .replaceAll(/\[(_computedKey\d*)\]/g, (found, variable) => `[${names.get(variable) ?? found}]`);
  if (plain.includes("_computedKey")) throw new Error("a computed name is no well-known symbol");
  return plain;
}
