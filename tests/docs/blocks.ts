/**
 * Finds the examples to run: the `ts` blocks of a Markdown text and of doc comments.
 *
 * In Markdown a comment `<!-- first: … -->` directly before a block holds code that runs before it and
 * is not shown. Everywhere a block marked `ts ignore` is passed over.
 */

/** One example. */
export interface Block {
  /** Where it stands: `README.md:42`. */
  readonly place: string;
  /** The code of the block. */
  readonly code: string;
  /** Code that runs before it and is not shown. */
  readonly first: string;
}

const FENCE = /^(?<fence>```+)ts *\n(?<code>[^]*?)^\k<fence> *$/gm;

/** The examples of a Markdown text. `lineOffset`: how many lines come before the text in its file. */
export function blocksOf(markdown: string, file: string, lineOffset = 0): Block[] {
  return [...markdown.matchAll(FENCE)].map((match) => {
    const before = markdown.slice(0, match.index);
    const line = lineOffset + before.split("\n").length;
    const first = /<!-- first:((?:(?!-->)[^])*)-->\s*$/.exec(before)?.[1] ?? "";
    return { place: `${file}:${line}`, code: match.groups!.code!, first: first.trim() };
  });
}

/** The examples in the doc comments of a module. */
export function docCommentBlocks(source: string, file: string): Block[] {
  return [...source.matchAll(/\/\*\*[^]*?\*\//g)].flatMap((match) => {
    const lineOffset = source.slice(0, match.index).split("\n").length - 1;
    const text = match[0].replaceAll(/^ *(?:\/\*\*|\*\/|\* ?)/gm, "");
    return blocksOf(text, file, lineOffset);
  });
}
