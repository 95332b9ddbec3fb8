/** The templates of a source file, and the statements that they become. */
import { constantsOf, isFragment, type Piece, piecesOf } from "./pieces.ts";
import { type SqlTemplate, sqlTemplates } from "./sql_templates.ts";
import { SourceError, tokensOf } from "./source_tokens.ts";
import { type Variants, variantsOf } from "./variants.ts";

/** A file that was read. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly templates: readonly FoundTemplate[];
  /** Why the file cannot be read, and where. */
  readonly error: SourceError | undefined;
}

/** A template that is a statement. */
export interface FoundTemplate extends SqlTemplate {
  readonly path: string;
  /** The line on which the tag stands, from 1. */
  readonly line: number;
  readonly statements: Variants;
  /** Whether each hole holds a fragment rather than a value. */
  readonly fragments: readonly boolean[];
}

/** Finds the templates of a source. */
export function readSource(path: string, text: string): SourceFile {
  if (!/\bsql\s*[`<]/.test(text)) return { path, text, templates: [], error: undefined };
  try {
    const tokens = tokensOf(text);
    const source = { text, constants: constantsOf(tokens) };
    const templates = sqlTemplates(tokens).filter((one) => isStatement(one, text));
    return {
      ...{ path, text, error: undefined },
      templates: templates.map((one) => {
        const pieces = piecesOf(source, one.template, true);
        const fragments = one.template.holes.map((_, i) => holdsFragment(pieces, i));
        const line = lineAt(text, one.start);
        return { ...one, path, line, statements: variantsOf(pieces), fragments };
      }),
    };
  } catch (error) {
    if (error instanceof SourceError) return { path, text, templates: [], error };
    throw error;
  }
}

/** Reports whether the pieces of a hole are none of its own parameter. */
function holdsFragment(pieces: readonly Piece[], hole: number): boolean {
  return !pieces.some((piece) =>
    piece.kind === "value" && piece.hole === hole && !isFragment([piece])
  );
}

/**
 * Reports whether a template is a statement of its own: the tag of a connection makes queries; that
 * which stands by itself makes fragments, some of which are statements.
 */
function isStatement({ isMember, isNested, template, start }: SqlTemplate, text: string): boolean {
  if (isNested || isIgnored(text, start)) return false;
  const first = template.parts[0]!;
  return isMember || STATEMENT.test(text.slice(first.start, first.end));
}

const STATEMENT =
  /^(?:\s|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/|\()*(?:select|insert|update|delete|merge|with|values)\b/i;

/** `cornac-ignore` in a comment on the line of a template, or on the line before. */
function isIgnored(text: string, start: number): boolean {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const before = text.lastIndexOf("\n", lineStart - 2) + 1;
  const end = text.indexOf("\n", start);
  const lines = text.slice(before, end < 0 ? undefined : end);
  return /(?:\/\/|\/\*).*\bcornac-ignore\b/.test(lines);
}

/** Returns the line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Returns the column of an offset, from 1. */
export function columnAt(text: string, offset: number): number {
  return offset - text.lastIndexOf("\n", offset - 1);
}
