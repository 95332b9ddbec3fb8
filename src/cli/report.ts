/** Prints what was found of each template. */
import type { Workplace } from "../runtime/workplace.ts";
import type { Misfit } from "./own_types.ts";
import { columnAt, type FoundTemplate, lineAt, type SourceFile } from "./sources.ts";
import type { Judgement } from "./judge.ts";

/** A template and what was found of it. */
export interface Judged extends Judgement {
  readonly template: FoundTemplate;
}

/** Prints faults, and counts the templates that have one. */
export class Report {
  readonly #place: Workplace;
  readonly #isStrict: boolean;
  /** The templates that are wrong. */
  faults = 0;
  /** The templates that could not be checked. */
  unchecked = 0;
  /** The templates without types. */
  untyped = 0;

  constructor(place: Workplace, isStrict: boolean) {
    this.#place = place;
    this.#isStrict = isStrict;
  }

  /** Prints why a file was left out. */
  file({ path, text, error }: SourceFile): void {
    if (error === undefined) return;
    this.faults++;
    this.#line(`${path}:${lineAt(text, error.offset)} ${error.message}; the file is left as it is`);
  }

  /** Prints a template's fault; `isWritten`: its types were put right. */
  template({ template, verdict }: Judged, source: string, isWritten: boolean): void {
    const at = `${template.path}:${template.line}`;
    switch (verdict.kind) {
      case "right":
        return;
      case "types":
        return this.#types(at, verdict, isWritten);
      case "refused": {
        this.faults++;
        const { offset, message } = verdict;
        const place = `${template.path}:${lineAt(source, offset)}:${columnAt(source, offset)}`;
        return this.#line(`${place} ${message}`);
      }
      case "different":
        this.faults++;
        return this.#line(`${at} ${verdict.message}`);
      case "unchecked":
        this.unchecked++;
        if (this.#isStrict) this.#line(`${at} not checked: ${verdict.why}`);
    }
  }

  /** Prints a type of the user's that does not take its rows. */
  misfit({ row, message }: Misfit): void {
    this.faults++;
    this.#line(`${row.path}:${row.line} rows do not fit the type written here\n    ${message}`);
    this.#line(`  rows are ${row.expected}`);
  }

  /** Prints a remark that is no fault. */
  remark(text: string): void {
    this.#line(text);
  }

  #types(
    at: string,
    verdict: Extract<Judged["verdict"], { kind: "types" }>,
    isWritten: boolean,
  ): void {
    const isMissing = verdict.before === "";
    if (isMissing && !isWritten) this.untyped++;
    if (isMissing && !isWritten && !this.#isStrict) return;
    if (!isWritten) this.faults++;
    const notes = verdict.notes.length === 0 ? "" : ` ${verdict.notes.join(", ")}`;
    this.#line(`${at}${notes}`);
    if (!isMissing) this.#line(`  - ${oneLine(verdict.before)}`);
    this.#line(`  + ${verdict.after}`);
  }

  #line(text: string): void {
    this.#place.print(`${text}\n`);
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(/^< /, "<").replace(/,? >$/, ">");
}
