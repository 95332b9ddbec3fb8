import { TypeRegistry, type TypesOptions } from "../types/registry.ts";
import type { OwnTypes } from "./statement.ts";

/** The codecs of queries that do not go by their connection's: each kind has a number. */
export class OwnTypesTable {
  readonly #types: TypeRegistry;
  /** Kept for as long as the options are used. */
  #byOptions = new WeakMap<TypesOptions, OwnTypes>();
  #builtin: OwnTypes | undefined;
  #count = 0;

  /** `types` are the connection's. */
  constructor(types: TypeRegistry) {
    this.#types = types;
  }

  /** The built-in codecs under the default policies, for the driver's own texts. */
  get builtin(): OwnTypes {
    return this.#builtin ??= this.#numbered(new TypeRegistry({}, this.#types));
  }

  /**
   * The codecs that the option `types` of a query stands for. One object stands for one set.
   *
   * @throws {InterfaceError} a policy or a codec is wrong.
   */
  of(options: TypesOptions): OwnTypes {
    const known = this.#byOptions.get(options);
    if (known !== undefined) return known;
    const own = this.#numbered(this.#types.with(options));
    this.#byOptions.set(options, own);
    return own;
  }

  /** Makes new sets from now on, because the connection has a further codec. */
  renew(): void {
    this.#byOptions = new WeakMap();
  }

  #numbered(registry: TypeRegistry): OwnTypes {
    return { registry, id: ++this.#count };
  }
}
