/**
 * A backtracking matcher of regular expressions that counts its steps, as the engines' matchers would
 * take them: for a proof that a pattern takes linear time, which no clock gives.
 */

/** A node of a pattern. */
type Node =
  | { readonly kind: "char"; readonly source: string }
  | { readonly kind: "edge"; readonly source: string }
  | { readonly kind: "sequence" | "choice"; readonly parts: readonly Node[] }
  | {
    readonly kind: "look";
    readonly body: Node;
    readonly ahead: boolean;
    readonly negative: boolean;
  }
  | {
    readonly kind: "repeat";
    readonly body: Node;
    readonly min: number;
    readonly max: number;
    readonly lazy: boolean;
  };

/** More steps than these are too many for any text that is tried here. */
const TOO_MANY = 60_000;
/** Of each class, the first of these that it has is tried. */
const SAMPLES = "a1 \n\t'\"-+.,:;=_$%&/\\()[]{}<>eExXAé\r\0";

/** A pattern that can be run with a count of its steps. */
export class CountedPattern {
  readonly #root: Node;
  readonly #flags: string;
  readonly #isSticky: boolean;
  readonly #tests = new Map<string, boolean>();
  readonly #patterns = new Map<string, RegExp>();
  #steps = 0;

  constructor(pattern: RegExp) {
    this.#flags = pattern.flags.replace(/[gyd]/g, "");
    this.#isSticky = pattern.sticky;
    this.#root = new PatternParser(pattern.source).parse();
  }

  /** Steps that a search in `text` takes. */
  steps(text: string): number {
    this.#steps = 0;
    try {
      for (let at = 0; at <= text.length; at++) {
        if (this.#match(this.#root, text, at, () => true) || this.#isSticky) break;
      }
    } catch (error) {
      if (error !== FULL && !(error instanceof RangeError)) throw error;
      return TOO_MANY;
    }
    return this.#steps;
  }

  /** A text for which the steps grow faster than the text, if one is found. */
  superlinear(): string | undefined {
    for (const [prefix, piece] of this.#pumps(this.#root, "")) {
      for (const suffix of ["", "\u{2603}", "x"]) {
        const text = (count: number): string => prefix + piece.repeat(count) + suffix;
        const few = this.steps(text(20));
        if (few >= TOO_MANY) return shown(prefix, piece, suffix);
        const twice = this.steps(text(40));
        if (twice < 3 * few || twice < 400) continue;
        const more = this.steps(text(80));
        if (more < 3 * twice && more < TOO_MANY) continue;
        return shown(prefix, piece, suffix);
      }
    }
    return undefined;
  }

  #match(node: Node, text: string, at: number, then: (at: number) => boolean): boolean {
    if (++this.#steps > TOO_MANY) throw FULL;
    switch (node.kind) {
      case "char":
        return at < text.length && this.#takes(node.source, text[at]!) && then(at + 1);
      case "edge":
        return this.#isEdge(node.source, text, at) && then(at);
      case "sequence":
        return this.#sequence(node.parts, 0, text, at, then);
      case "choice":
        return node.parts.some((part) => this.#match(part, text, at, then));
      case "look":
        return this.#looks(node, text, at) !== node.negative && then(at);
      case "repeat":
        return this.#repeat(node, 0, text, at, then);
    }
  }

  #sequence(
    parts: readonly Node[],
    i: number,
    text: string,
    at: number,
    then: (at: number) => boolean,
  ): boolean {
    if (i === parts.length) return then(at);
    return this.#match(parts[i]!, text, at, (end) => this.#sequence(parts, i + 1, text, end, then));
  }

  #repeat(
    node: Node & { kind: "repeat" },
    count: number,
    text: string,
    at: number,
    then: (at: number) => boolean,
  ): boolean {
    const more = (): boolean =>
      count < node.max &&
      this.#match(
        node.body,
        text,
        at,
        (end) => (end > at || count < node.min) && this.#repeat(node, count + 1, text, end, then),
      );
    if (count < node.min) return more();
    return node.lazy ? then(at) || more() : more() || then(at);
  }

  #looks({ body, ahead }: Node & { kind: "look" }, text: string, at: number): boolean {
    if (ahead) return this.#match(body, text, at, () => true);
    for (let start = at; start >= 0; start--) {
      if (this.#match(body, text, start, (end) => end === at)) return true;
    }
    return false;
  }

  #takes(source: string, char: string): boolean {
    const key = source + "\0" + char;
    let takes = this.#tests.get(key);
    if (takes === undefined) {
      let pattern = this.#patterns.get(source);
      if (pattern === undefined) {
        this.#patterns.set(
          source,
          pattern = new RegExp(`^${source}$`, this.#flags.replace("m", "")),
        );
      }
      this.#tests.set(key, takes = pattern.test(char));
    }
    return takes;
  }

  #isEdge(source: string, text: string, at: number): boolean {
    if (source === "^") return at === 0 || (this.#flags.includes("m") && text[at - 1] === "\n");
    if (source === "$") {
      return at === text.length || (this.#flags.includes("m") && text[at] === "\n");
    }
    const is = (char: string | undefined): boolean => char !== undefined && /\w/.test(char);
    return (is(text[at - 1]) !== is(text[at])) === (source === "\\b");
  }

  /** For each repetition without an end, what leads to it and what may be repeated there. */
  *#pumps(node: Node, prefix: string): Generator<[prefix: string, piece: string]> {
    switch (node.kind) {
      case "sequence": {
        let before = prefix;
        for (const part of node.parts) {
          yield* this.#pumps(part, before);
          before += this.#examples(part)[0] ?? "";
        }
        break;
      }
      case "choice":
        for (const part of node.parts) yield* this.#pumps(part, prefix);
        break;
      case "look":
        yield* this.#pumps(node.body, prefix);
        break;
      case "repeat":
        if (node.max === Infinity) {
          const pieces = this.#examples(node.body);
          for (const piece of pieces) yield [prefix, piece];
          for (const piece of pieces) yield [prefix, piece + (pieces[0] ?? "")];
          // What begins again, for a search.
          for (const piece of pieces) yield ["\u{2603}", prefix + piece];
        }
        yield* this.#pumps(node.body, prefix);
    }
  }

  /** Texts that a node matches, one for each choice in it, not more than a few. */
  #examples(node: Node): string[] {
    switch (node.kind) {
      case "char":
        return [...SAMPLES, ...node.source].filter((char) => this.#takes(node.source, char))
          .slice(0, 3);
      case "edge":
      case "look":
        return [""];
      case "choice":
        return node.parts.flatMap((part) => this.#examples(part).slice(0, 2)).slice(0, 12);
      case "repeat":
        if (node.max === 0) return [""];
        return this.#examples(node.body)
          .map((example) => example.repeat(Math.max(1, node.min)));
      case "sequence": {
        const all = node.parts.map((part) => this.#examples(part));
        const whole = all.map((examples) => examples[0] ?? "").join("");
        const varied = all.flatMap((examples, i) =>
          examples.slice(1).map((example) =>
            all.map((others, j) => i === j ? example : others[0] ?? "").join("")
          )
        );
        // Parts that may be absent.
        const least = node.parts.map((part, i) =>
          part.kind === "repeat" && part.min === 0 ? "" : all[i]![0] ?? ""
        ).join("");
        return [whole, ...varied, least].filter((text) => text !== "").slice(0, 12);
      }
    }
  }
}

function shown(...parts: readonly [prefix: string, piece: string, suffix: string]): string {
  const [prefix, piece, suffix] = parts.map((part) => JSON.stringify(part));
  return `${prefix}, ${piece} again and again, ${suffix}`;
}

const FULL = new Error("too many steps");

/** Reads a pattern's source, of the syntax that is used in `src/`. */
class PatternParser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at !== this.#source.length) throw new Error(`cannot read /${this.#source}/`);
    return node;
  }

  #choice(): Node {
    const parts = [this.#sequence()];
    while (this.#skip("|")) parts.push(this.#sequence());
    return parts.length === 1 ? parts[0]! : { kind: "choice", parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at]!)) {
      parts.push(this.#quantified(this.#atom()));
    }
    return { kind: "sequence", parts };
  }

  #quantified(body: Node): Node {
    const found = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})(\??)/.exec(this.#source.slice(this.#at));
    if (found === null) return body;
    this.#at += found[0].length;
    const lazy = found[4] === "?";
    const sign = found[0][0]!;
    if (sign !== "{") {
      const [min, max] = [sign === "+" ? 1 : 0, sign === "?" ? 1 : Infinity];
      return { kind: "repeat", body, min, max, lazy };
    }
    const min = Number(found[1]);
    const max = found[2] === "" ? min : found[3] === "" ? Infinity : Number(found[3]);
    return { kind: "repeat", body, min, max, lazy };
  }

  #atom(): Node {
    const source = this.#source;
    const char = source[this.#at]!;
    if (char === "^" || char === "$") {
      this.#at++;
      return { kind: "edge", source: char };
    }
    if (char === "(") return this.#group();
    const whole =
      /^(?:\[(?:\\[^]|[^\]\\])*\]|\\(?:u\{[^}]*\}|u....|x..|p\{[^}]*\}|P\{[^}]*\}|[^])|[^])/
        .exec(source.slice(this.#at))![0];
    this.#at += whole.length;
    if (whole === "\\b" || whole === "\\B") return { kind: "edge", source: whole };
    return { kind: "char", source: whole };
  }

  #group(): Node {
    const opened = /^\((?:\?(?:[:=!]|<[=!]|<\w+>))?/.exec(this.#source.slice(this.#at))![0];
    this.#at += opened.length;
    const body = this.#choice();
    if (!this.#skip(")")) throw new Error(`cannot read /${this.#source}/`);
    if (!/[=!]$/.test(opened)) return body;
    return {
      kind: "look",
      body,
      ahead: !opened.includes("<"),
      negative: opened.endsWith("!"),
    };
  }

  #skip(char: string): boolean {
    if (this.#source[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

/** The regular expressions that stand in a source text, as literals. */
export function patternsIn(source: string): RegExp[] {
  const found: RegExp[] = [];
  const token =
    /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[^]|[^`\\])*`|(?<=[(,=:[!&|?{};>]\s*|return\s+)\/((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)\/([a-z]*)/g;
  for (const [, pattern, flags] of source.matchAll(token)) {
    if (pattern !== undefined) found.push(new RegExp(pattern, flags));
  }
  return found;
}
