import { loaded } from "../errors/loading.ts";
import type { SessionLock } from "../session/exchange.ts";
import type { CatalogReader } from "./catalog.ts";
import type { Context } from "./context.ts";

/** The code that asks the catalogue. */
type Code = typeof import("./catalog_reader.ts");

/** Reads the catalogue with code that is loaded for the first question. */
export class LateCatalogReader implements CatalogReader {
  readonly #context: () => Context;
  #code: Code | undefined;

  constructor(context: () => Context) {
    this.#context = context;
  }

  async types(oids: readonly number[], lock: SessionLock | undefined): Promise<readonly unknown[]> {
    const { readTypes } = this.#code ?? await this.#load();
    return await readTypes(this.#context(), oids, lock);
  }

  async oidOf(name: string, lock: SessionLock | undefined): Promise<number> {
    const { readOid } = this.#code ?? await this.#load();
    return await readOid(this.#context(), name, lock);
  }

  async #load(): Promise<Code> {
    return this.#code = await loaded(import("./catalog_reader.ts"), "the reader of the catalogue");
  }
}
