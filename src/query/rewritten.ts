/** Positions in errors: the server counts in the text that was sent, the caller in the text given. */
import { DatabaseError } from "../errors/errors.ts";

/** A text in which placeholders were replaced. */
export interface Rewritten {
  /** The text as it is sent. */
  readonly text: string;
  /** The text as the caller gave it. */
  readonly original: string;
  /** Each replacement: its start and end in `text`, then in `original`, in UTF-16 units. */
  readonly edits: readonly (readonly [number, number, number, number])[];
}

/**
 * Returns `error`, with its position counted in the caller's text. `fields.P` stays as the server sent
 * it. A position inside of a replaced placeholder becomes the placeholder's start.
 */
export function inOriginal(error: unknown, rewritten: Rewritten | undefined): unknown {
  if (rewritten === undefined || rewritten.edits.length === 0) return error;
  for (let at = error; at instanceof DatabaseError; at = at.cause) {
    if (at.position === undefined || at.fields.P === undefined) continue;
    const value = originalPosition(Number(at.fields.P), rewritten);
    Object.defineProperty(at, "position", { value, enumerable: true, configurable: true });
  }
  return error;
}

/** Positions count characters from 1, not UTF-16 units. */
function originalPosition(position: number, { text, original, edits }: Rewritten): number {
  const at = unitsOf(text, position - 1);
  let start = at;
  for (const [from, to, wasFrom, wasTo] of edits) {
    if (from > at) break;
    start = at < to ? wasFrom : wasTo + (at - to);
  }
  return charactersOf(original, start) + 1;
}

function unitsOf(text: string, characters: number): number {
  let units = 0;
  for (let i = 0; i < characters && units < text.length; i++) {
    units += text.codePointAt(units)! > 0xffff ? 2 : 1;
  }
  return units;
}

function charactersOf(text: string, units: number): number {
  let characters = 0;
  for (let at = 0; at < units; at += text.codePointAt(at)! > 0xffff ? 2 : 1) characters++;
  return characters;
}
