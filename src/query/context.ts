import type { Session } from "../session/session.ts";
import type { Tracing } from "../trace.ts";
import { CommandTags } from "./command_tags.ts";
import { Exactness } from "./exactness.ts";
import type { SessionTypes } from "./session_types.ts";
import type { StatementCache } from "./statement_cache.ts";

/** Calls into the owner of a session, before and after what runs on it. */
export interface ContextHooks {
  /** Called with every text that is going to be run or described; an error refuses the text. */
  checkText?(text: string): void;
  /** Called with the tag of every command that returns no rows. */
  completed?(tag: string): void;
}

/** The things that every query on one session needs. */
export class Context {
  readonly session: Session;
  /** The prepared statements. */
  readonly cache: StatementCache;
  readonly types: SessionTypes;
  /** Settings that make values inexact as text. */
  readonly exactness: Exactness;
  readonly trace: Tracing;
  readonly tags: CommandTags = new CommandTags();
  readonly #hooks: ContextHooks;

  constructor(
    session: Session,
    cache: StatementCache,
    types: SessionTypes,
    trace: Tracing,
    hooks: ContextHooks,
  ) {
    this.session = session;
    this.cache = cache;
    this.types = types;
    this.exactness = new Exactness(session.parameterStatuses);
    this.trace = trace;
    this.#hooks = hooks;
  }

  /** Whether `\` escapes in every string, not only in `E'…'`. Source: manual, "String Constants". */
  get escapesInStrings(): boolean {
    return this.session.parameterStatuses.get("standard_conforming_strings") === "off";
  }

  /** Takes note of a text that is going to be run or described. @throws what refuses the text. */
  checkText(text: string): void {
    this.#hooks.checkText?.(text);
  }

  /** Takes note of the tag of a command that has returned no rows. */
  completed(tag: string): void {
    if (tag === "DEALLOCATE ALL" || tag === "DISCARD ALL") this.cache.clear();
    this.types.completed(tag);
    this.#hooks.completed?.(tag);
  }
}
