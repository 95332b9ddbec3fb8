import { loaded } from "../errors/loading.ts";
import { own } from "../errors/own.ts";
import type { SessionLock } from "../session/exchange.ts";
import { codeOf, withCode } from "../session/loading.ts";
import type { CatalogReader } from "./catalog.ts";
import type { Context } from "./context.ts";

const load = () => loaded(import("./catalog_reader.ts"), "the reader of the catalogue");

/**
 * Reads the catalogue with code that is loaded for the first question. The question about types stands
 * in the session's queue meanwhile, so that `close()` waits for it.
 */
export class LateCatalogReader implements CatalogReader {
  readonly #context: () => Context;

  constructor(context: () => Context) {
    this.#context = context;
  }

  types(oids: readonly number[], lock: SessionLock | undefined): Promise<readonly unknown[]> {
    const context = this.#context();
    const how = own({ lock, ahead: true });
    return withCode(context.session, load, how, (code) => code.readTypes(context, oids, lock));
  }

  async oidOf(name: string, lock: SessionLock | undefined): Promise<number> {
    const context = this.#context();
    return await (await codeOf(context.session, load)).readOid(context, name, lock);
  }
}
