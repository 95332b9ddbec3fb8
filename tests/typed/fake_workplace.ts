/** A workplace whose files are in memory. */
import process from "node:process";
import type { Workplace } from "../../src/runtime/workplace.ts";

/** The files, and what the tool printed and ended with. */
export interface FakeWorkplace extends Workplace {
  readonly texts: Map<string, string>;
  readonly written: string[];
  output: string;
  code: number | undefined;
}

/** Makes one. */
export function fakeWorkplace(
  args: readonly string[],
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): FakeWorkplace {
  const texts = new Map(Object.entries(files));
  const place: FakeWorkplace = {
    ...{ arguments: args, texts, written: [], output: "", code: undefined },
    env: (name) => env[name] ?? process.env[name],
    read: (path) => Promise.resolve(texts.get(path)),
    write: (path, text) => {
      texts.set(path, text);
      place.written.push(path);
      return Promise.resolve();
    },
    remove: (path) => Promise.resolve(void texts.delete(path)),
    files: (path, isLeftOut) =>
      Promise.resolve(
        [...texts.keys()].filter((one) =>
          (path === "." || one === path || one.startsWith(`${path}/`)) && !isLeftOut(one)
        ),
      ),
    changed: (path) => Promise.resolve(texts.has(path) ? texts.get(path)!.length : undefined),
    run: () => Promise.resolve({ code: 127, output: "no programs here" }),
    print: (text) => void (place.output += text),
    complain: (text) => void (place.output += text),
    exitWith: (code) => void (place.code = code),
    wait: () => Promise.resolve(),
  };
  return place;
}
