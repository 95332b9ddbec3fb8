import { assemble, isFragment } from "../query/fragment.ts";
import { Query } from "../query/query.ts";
import type { BatchEntry } from "../query/batch.ts";
import { loaded } from "../errors/loading.ts";
import type { Need } from "./borrower.ts";
import type { PoolSettings } from "./options.ts";
import { isSuspect, type TextEffect, TextEffects } from "./session_state.ts";
import type { Kind } from "./waiting_list.ts";

/** Decides by a text how a pool runs it, and whether. */
export class PoolTexts {
  readonly effects: TextEffects = new TextEffects();
  /** Whether the pool's connections are sessions of their own. */
  readonly #isSession: boolean;
  /** The code that decides about refusals, once it is loaded. */
  #needs: typeof import("./session_need.ts") | undefined;
  /** The reasons for refusals, by the effects of the texts. */
  readonly #refusals = new WeakMap<TextEffect, string | undefined>();

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
  refusalOf(text: string | undefined): Need["refusal"] {
    if (!this.#isSession || typeof text !== "string") return undefined;
    const effect = this.effects.of(text);
    if (!effect.mayBeRefused) return undefined;
    if (this.#needs === undefined) return this.#readLater([text]);
    if (!this.#refusals.has(effect)) this.#refusals.set(effect, this.#needs.refusalOf([text]));
    return this.#refusals.get(effect);
  }

  /** Returns the same for a batch, which is one use of a session. */
  refusalOfBatch(entries: readonly BatchEntry[]): Need["refusal"] {
    if (!this.#isSession || !Array.isArray(entries)) return undefined;
    const texts = entries.map(textOf).filter((text) => typeof text === "string");
    if (!texts.some(isSuspect)) return undefined;
    return this.#needs === undefined ? this.#readLater(texts) : this.#needs.refusalOf(texts);
  }

  #readLater(texts: readonly string[]): Promise<string | undefined> {
    const code = loaded(import("./session_need.ts"), "the code that reads texts of the pool");
    const reading = code.then((needs) => (this.#needs = needs).refusalOf(texts));
    reading.catch(() => {}); // A copy that is never read takes no notice.
    return reading;
  }
}

/** The text of an entry; what is none is refused where the batch is made. */
function textOf(entry: unknown): unknown {
  if (entry instanceof Query) return entry.made.text;
  return isFragment(entry) ? assemble(entry).text : (entry as { text?: unknown } | null)?.text;
}
