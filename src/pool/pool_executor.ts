import { NotSupportedError } from "../errors/errors.ts";
import { Executor } from "../query/execute.ts";
import type { StatementLimits } from "../query/statement_cache.ts";
import type { Session } from "../session/session.ts";
import type { Tracing } from "../trace.ts";
import type { TypeRegistry } from "../types/registry.ts";
import { CHANGE_NAMES, type StateChange, StateChanges, type TextEffects } from "./session_state.ts";

/** Runs the queries of a pool's connection, and takes note of what they change in the session. */
export class PoolExecutor extends Executor {
  readonly changes: StateChanges = new StateChanges();
  readonly #effects: TextEffects;
  readonly #forbid: boolean;

  /** With `forbid`, whatever would change the session is refused. */
  constructor(
    session: Session,
    types: TypeRegistry,
    statements: StatementLimits,
    trace: Tracing,
    effects: TextEffects,
    forbid: boolean,
  ) {
    super(session, types, statements, trace);
    this.#effects = effects;
    this.#forbid = forbid;
  }

  override about(text: string): void {
    const { changes } = this.#effects.of(text);
    if (changes.length === 0) return;
    if (this.#forbid) throw refusal(changes[0]!);
    this.changes.add(changes);
  }

  override completed(tag: string): void {
    super.completed(tag);
    const change = TAGS.get(tag);
    if (change !== undefined) this.changes.add([change]);
  }
}

/** What the tags of commands tell, however they were run. */
const TAGS: ReadonlyMap<string, StateChange> = new Map([
  ["LISTEN", "listeners"],
  ["PREPARE", "statements"],
]);

/** Why a pool behind a pooler in transaction mode does not run something. */
export function refusal(change: StateChange): NotSupportedError {
  const [name, instead] = CHANGE_NAMES[change];
  return new NotSupportedError(
    `${name} needs a session of its own, which a pooler in transaction mode does not give ` +
      `(pooler: "transaction"); what does without is ${instead}`,
  );
}
