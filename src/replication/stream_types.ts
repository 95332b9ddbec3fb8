/** The types of a stream's values, looked up over another connection. */
import type { ConnectionCore } from "../connection_core.ts";
import { PUBLISHED_TYPES } from "../own_sql.ts";
import { Catalog } from "../query/catalog.ts";
import { readOid, readTypes } from "../query/catalog_reader.ts";
import type { Context } from "../query/context.ts";
import { ProgrammingError } from "../errors/errors.ts";
import type { Codec } from "../types/codec.ts";
import { TypeRegistry, type TypesOptions } from "../types/registry.ts";
import type { StreamTypes } from "./plugin.ts";

/**
 * The codecs of a stream: those that a query would have under the same options. A walsender takes no
 * queries while it streams, so the catalogue is read over a connection of its own.
 */
export class SideTypes implements StreamTypes {
  /** The codecs under the stream's options. */
  readonly registry: TypeRegistry;
  /** The codecs without the user's; with the same catalogue. */
  readonly #plain: TypeRegistry;
  readonly #catalog: Catalog;
  readonly #open: () => Promise<ConnectionCore>;

  /** `open` returns the connection for the catalogue; it is called for each look-up. */
  constructor(options: TypesOptions | undefined, open: () => Promise<ConnectionCore>) {
    this.#open = open;
    this.registry = new TypeRegistry(options);
    this.#plain = new TypeRegistry({}, this.registry);
    this.#catalog = new Catalog(this.registry, {
      types: async (oids, lock) => readTypes(await this.#context(), oids, lock),
      oidOf: async (name, lock) => readOid(await this.#context(), name, lock),
    });
  }

  codecOf(oid: number): Codec | undefined {
    const codec = this.registry.lookup(oid);
    if (codec === undefined || codec.decodeBinary !== undefined) return codec;
    const plain = this.#plain.lookup(oid);
    if (plain?.decodeBinary === undefined || plain.primitive !== "text") return codec;
    // The binary form of such a type is its text.
    return { ...codec, decodeBinary: (reader, length) => codec.decodeText(reader.text(length)) };
  }

  async learn(oids: readonly number[]): Promise<void> {
    await this.#catalog.learn(oids);
  }

  oidOf(name: string): number | undefined | Promise<number | undefined> {
    return this.registry.oidOf(name) ?? this.#lookUp(name);
  }

  forget(): void {
    this.registry.forget();
    this.#catalog.forget();
  }

  /**
   * Reports whether all columns of the tables in publications have codecs that read the binary format.
   * Otherwise the stream must be in text.
   */
  async readsBinary(publications: readonly string[]): Promise<boolean> {
    const { executor } = (await this.#open()).host;
    const rows: readonly unknown[] = await executor.execute(PUBLISHED_TYPES, [publications], {});
    const oids = (rows as [number][]).map(([oid]) => oid);
    await this.learn(oids);
    return oids.every((oid) => {
      const codec = this.codecOf(oid);
      return codec === undefined || codec.decodeBinary !== undefined;
    });
  }

  async #lookUp(name: string): Promise<number | undefined> {
    try {
      return await readOid(await this.#context(), name, undefined);
    } catch (error) {
      if (error instanceof ProgrammingError) return undefined;
      throw error;
    }
  }

  async #context(): Promise<Context> {
    return (await this.#open()).host.executor.context;
  }
}
