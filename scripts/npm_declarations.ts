/**
 * Declarations that TypeScript accepts from 5.4 on, with any `lib` from es2022. The sources are checked
 * by Deno's TypeScript; what older compilers and smaller libraries lack is replaced when the npm
 * package is built.
 */
import { posix } from "node:path";

/** The file of the package that declares what `lib: esnext.disposable` does. */
export const DISPOSABLE = "disposable.d.ts";

/**
 * The members of `lib.esnext.disposable.d.ts` that the package names. All runtimes that it supports
 * have them. Source: `@types/node`, compatibility/disposable.d.ts, which merges with the library in
 * the same way.
 */
export const DISPOSABLE_DECLARATIONS = `declare global {
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
  interface AsyncDisposable {
    [Symbol.asyncDispose](): PromiseLike<void>;
  }
}
export {};
`;

/**
 * Returns a declaration file, whose path in the package is `path`, as it is published.
 *
 * `Uint8Array` and its like are generic since TypeScript 5.7, where `slice()` returns one with a
 * buffer of its own; before, it returns the type without parameters. So `ReturnType` of that is right
 * for both. An `AsyncIterableIterator` has the type of its end since TypeScript 5.6.
 */
export function published(text: string, path: string): string {
  const plain = text
    .replaceAll(/\b(Uint8Array|Uint32Array)<ArrayBuffer>/g, 'ReturnType<$1["slice"]>')
    .replaceAll(/\b(\w+Array|DataView)<ArrayBuffer(?:Like)?>/g, "$1")
    .replaceAll(/\bAsyncIterableIterator<([^;()]+), undefined>/g, "AsyncIterableIterator<$1>");
  if (!/\basyncDispose\b|\bAsyncDisposable\b/.test(plain)) return plain;
  const file = posix.relative(posix.dirname(path), DISPOSABLE);
  return `/// <reference path="${file}" />\n${plain}`;
}
