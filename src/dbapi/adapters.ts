import { InterfaceError } from "../errors/errors.ts";
import { PGInterval } from "./pg_interval.ts";

/** A class, by which values are told apart. */
export type Class<T = unknown> = abstract new (...args: never[]) => T;

/**
 * The functions that make PostgreSQL's text of values, by class. A value's own class comes first,
 * then the first registered class that it is an instance of; arrays are gone through.
 */
export class OutAdapters {
  readonly #byClass = new Map<unknown, (value: never) => string | null>([
    [PGInterval, String],
  ]);

  /**
   * Adds a function, in place of the class's former one.
   *
   * @throws {InterfaceError} `type` is no class or `adapter` no function.
   */
  register<T>(type: Class<T>, adapter: (value: T) => string | null): void {
    if (typeof type !== "function" || typeof adapter !== "function") {
      throw new InterfaceError("registerOutAdapter(): takes a class and a function");
    }
    this.#byClass.set(type, adapter);
  }

  /** The values, those with an adapter as their text. */
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
