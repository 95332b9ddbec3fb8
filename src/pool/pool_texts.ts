import { assemble, isFragment } from "../query/fragment.ts";
import { Query } from "../query/query.ts";
import type { BatchEntry } from "../query/batch.ts";
import type { PoolSettings } from "./options.ts";
import { refusalOf } from "./session_need.ts";
import { isSuspect, TextEffects } from "./session_state.ts";
import type { Kind } from "./waiting_list.ts";

/** Decides by a text how a pool runs it, and whether. */
export class PoolTexts {
  readonly effects: TextEffects = new TextEffects();
  /** Whether the pool's connections are sessions of their own. */
  readonly #isSession: boolean;

  constructor({ pooler }: PoolSettings) {
    this.#isSession = pooler === "session";
  }

  /**
   * Returns whether a query may share its connection with others. Names of types are looked up first,
   * and no other request may come between the two.
   */
  kindOf(text: string, types: readonly (number | string)[] = []): Kind {
    if (types.some((type) => typeof type === "string")) return "held";
    const { transaction, changes } = this.effects.of(text);
    return transaction || changes.length > 0 ? "held" : "shared";
  }

  /**
   * Returns why the pool does not run a text, if it does not. Behind a pooler in transaction mode the
   * connection says what it refuses.
   */
  refusalOf(text: string | undefined): string | undefined {
    return this.#isSession && typeof text === "string" ? this.effects.of(text).refusal : undefined;
  }

  /** Returns the same for a batch, which is one use of a session. */
  refusalOfBatch(entries: readonly BatchEntry[]): string | undefined {
    if (!this.#isSession || !Array.isArray(entries)) return undefined;
    const texts = entries.map(textOf).filter((text) => typeof text === "string");
    return texts.some(isSuspect) ? refusalOf(texts) : undefined;
  }
}

/** The text of an entry; what is none is refused where the batch is made. */
function textOf(entry: unknown): unknown {
  if (entry instanceof Query) return entry.statement;
  return isFragment(entry) ? assemble(entry).text : (entry as { text?: unknown } | null)?.text;
}
