import { InterfaceError } from "../errors/errors.ts";
import { PGInterval } from "./pg_interval.ts";

/** A class of values. */
export type Class<T = unknown> = abstract new (...args: never[]) => T;

/**
 * Functions that turn values into PostgreSQL's text, by class. The value's own class comes first,
 * then the first registered class that it is an instance of. The elements of arrays are adapted,
 * too.
 */
export class OutAdapters {
  readonly #byClass = new Map<unknown, (value: never) => string | null>([
    [PGInterval, String],
  ]);

  /**
   * Adds a function, which replaces an earlier one for the class.
   *
   * @throws {InterfaceError} `type` is not a class, or `adapter` is not a function.
   */
  register<T>(type: Class<T>, adapter: (value: T) => string | null): void {
    if (typeof type !== "function" || typeof adapter !== "function") {
      throw new InterfaceError("registerOutAdapter(): takes a class and a function");
    }
    this.#byClass.set(type, adapter);
  }

  /** Returns the values, with the text of those that have an adapter. */
  adapt(values: readonly unknown[]): readonly unknown[] {
    return values.map((value) => this.#adaptOne(value));
  }

  #adaptOne(value: unknown): unknown {
    if (value === null || value === undefined) return value;
    const adapter = this.#adapterOf(value);
    if (adapter !== undefined) return adapter(value as never);
    return Array.isArray(value) ? this.adapt(value) : value;
  }

  #adapterOf(value: NonNullable<unknown>): ((value: never) => string | null) | undefined {
    const exact = this.#byClass.get(value.constructor);
    if (exact !== undefined) return exact;
    for (const [type, adapter] of this.#byClass) {
      if (value instanceof (type as Class)) return adapter;
    }
    return undefined;
  }
}
