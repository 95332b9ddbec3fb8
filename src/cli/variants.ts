/**
 * The statements that a template can become: one for each way in which its conditions can fall. The
 * driver's own assembly puts each together, so that the texts are those that it would send.
 */
import { Assembly } from "../query/fragment.ts";
import { quoteIdentifier } from "../query/quote.ts";
import { columnsForm, listForm } from "../query/sql_forms.ts";
import type { Piece } from "./pieces.ts";

/** One statement. */
export interface Variant {
  readonly text: string;
  /** The offset in the source of each character of the text; -1 for those that are not in it. */
  readonly offsets: readonly number[];
  /** The hole of the template that each parameter is in, `$1` first; `undefined` for others. */
  readonly holes: readonly (number | undefined)[];
}

/** The statements of a template, or why they are not known. */
export type Variants =
  | { readonly variants: readonly Variant[] }
  | { readonly unknown: string };

/** The most statements that a template may become. */
const MAX_VARIANTS = 64;

/** Returns the statements that pieces can become. */
export function variantsOf(pieces: readonly Piece[]): Variants {
  const why = unknownIn(pieces);
  if (why !== undefined) return { unknown: why };
  const conditions = [...new Set(conditionsIn(pieces))];
  if (2 ** conditions.length > MAX_VARIANTS) {
    return { unknown: `its conditions make more than ${MAX_VARIANTS} statements` };
  }
  const variants: Variant[] = [];
  for (let bits = 0; bits < 2 ** conditions.length; bits++) {
    const holding = new Set(conditions.filter((_, i) => (bits >> i & 1) === 0));
    try {
      variants.push(assembled(pieces, holding));
    } catch (error) {
      return { unknown: error instanceof Error ? error.message : String(error) };
    }
  }
  const texts = new Map(variants.map((one) => [one.text, one]));
  return { variants: [...texts.values()] };
}

function unknownIn(pieces: readonly Piece[]): string | undefined {
  for (const piece of pieces) {
    if (piece.kind === "unknown") return piece.why;
    if (piece.kind !== "choice") continue;
    const why = unknownIn(piece.whenTrue) ?? unknownIn(piece.whenFalse);
    if (why !== undefined) return why;
  }
  return undefined;
}

function conditionsIn(pieces: readonly Piece[]): string[] {
  return pieces.flatMap((piece) =>
    piece.kind === "choice"
      ? [piece.condition, ...conditionsIn(piece.whenTrue), ...conditionsIn(piece.whenFalse)]
      : []
  );
}

/** A value in the place of one that is known when the program runs. */
class Unknown {
  readonly hole: number | undefined;

  constructor(hole: number | undefined) {
    this.hole = hole;
  }
}

function assembled(pieces: readonly Piece[], holding: ReadonlySet<string>): Variant {
  const assembly = new Assembly();
  const offsets: number[] = [];
  const put = (list: readonly Piece[]): void => {
    for (const piece of list) {
      if (piece.kind === "choice") {
        put(holding.has(piece.condition) ? piece.whenTrue : piece.whenFalse);
        continue;
      }
      const before = assembly.text.length;
      putPiece(assembly, piece);
      for (let i = before; i < assembly.text.length; i++) {
        offsets.push(piece.kind === "text" ? piece.offsets[i - before] ?? -1 : -1);
      }
    }
  };
  put(pieces);
  const holes = assembly.values.map((value) => value instanceof Unknown ? value.hole : undefined);
  return { text: assembly.text, offsets, holes };
}

function putPiece(assembly: Assembly, piece: Piece): void {
  const value = new Unknown(undefined);
  switch (piece.kind) {
    case "text":
      return assembly.add(piece.text);
    case "value":
      assembly.parameter(new Unknown(piece.hole));
      return assembly.add(piece.cast ?? "");
    case "name":
      return assembly.add(quoteIdentifier(...piece.parts));
    case "list":
      return assembly.put(listForm(piece.names ?? [value]));
    case "columns":
      return assembly.put(
        columnsForm([Object.fromEntries(piece.names.map((name) => [name, value]))], piece.names),
      );
  }
}
