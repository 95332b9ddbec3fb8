/** The types of a stream's values, looked up over another connection. */
import type { Reader } from "../bytes/reader.ts";
import type { ConnectionCore } from "../connection_core.ts";
import { DataError, ProgrammingError } from "../errors/errors.ts";
import { PUBLISHED_TYPES } from "../own_sql.ts";
import { Catalog } from "../query/catalog.ts";
import { readOid, readTypes } from "../query/catalog_reader.ts";
import type { Context } from "../query/context.ts";
import type { Codec } from "../types/codec.ts";
import { OIDS } from "../types/oids.ts";
import { RARE_TYPES } from "../types/rare.ts";
import { type TypeInfo, TypeRegistry, type TypesOptions } from "../types/registry.ts";
import type { StreamTypes } from "./plugin.ts";

/** Reads the text of a value from its binary form. */
type TextOfBinary = (reader: Reader, length: number) => string;

/**
 * The codecs of a stream under the user's options. The server sends every value in the binary format if
 * its type has one, also where a user's codec reads only text. For types whose binary form contains
 * their text such a codec gets that text.
 */
class StreamRegistry extends TypeRegistry {
  /** The codecs without the user's, with the same catalogue. */
  readonly #plain: TypeRegistry;

  constructor(options: TypesOptions | undefined) {
    super(options);
    this.use(RARE_TYPES);
    this.#plain = new TypeRegistry({}, this);
    for (const oid of WITH_TEXT) this.#complete(oid);
  }

  override define(info: TypeInfo): void {
    super.define(info);
    if (info.kind === "enum" || info.kind === "domain") this.#complete(info.oid);
  }

  #complete(oid: number): void {
    const codec = this.lookup(oid);
    const plain = this.#plain.lookup(oid);
    if (codec === undefined || codec.decodeBinary !== undefined || plain === undefined) return;
    const textOf = textOfBinary(plain);
    if (textOf === undefined) return;
    const decodeBinary: Codec["decodeBinary"] = (reader, length) =>
      codec.decodeText(textOf(reader, length));
    this.register({ ...codec, oid, decodeBinary });
  }
}

/** Built-in types whose binary form contains their text, or of which the text is exactly known. */
const WITH_TEXT: readonly number[] = [
  ...[OIDS.text, OIDS.varchar, OIDS.bpchar, OIDS.name, OIDS.json, OIDS.jsonb, OIDS.xml],
  ...[OIDS.uuid, OIDS.numeric],
];

/** `plain` is the codec under the default policies, which reads uuid and numeric as their texts. */
function textOfBinary(plain: Codec): TextOfBinary | undefined {
  if (plain.primitive === "text" || plain.oid === OIDS.json || plain.oid === OIDS.xml) {
    return (reader, length) => reader.text(length);
  }
  if (plain.oid === OIDS.jsonb) {
    // Source: jsonb.c, `jsonb_send`: a version, then the text.
    return (reader, length) => {
      if (reader.uint8() !== 1) throw new DataError("malformed jsonb: another version than 1");
      return reader.text(length - 1);
    };
  }
  const isExact = plain.oid === OIDS.uuid || plain.oid === OIDS.numeric;
  return isExact ? (reader, length) => plain.decodeBinary!(reader, length) as string : undefined;
}

/**
 * The codecs of a stream: those that a query would have under the same options. A walsender takes no
 * queries while it streams, so the catalogue is read over a connection of its own.
 */
export class SideTypes implements StreamTypes {
  /** The codecs under the stream's options. */
  readonly registry: TypeRegistry;
  readonly #catalog: Catalog;
  readonly #open: () => Promise<ConnectionCore>;

  /** `open` returns the connection for the catalogue; it is called for each look-up. */
  constructor(options: TypesOptions | undefined, open: () => Promise<ConnectionCore>) {
    this.#open = open;
    this.registry = new StreamRegistry(options);
    this.#catalog = new Catalog(this.registry, {
      types: async (oids, lock) => readTypes(await this.#context(), oids, lock),
      oidOf: async (name, lock) => readOid(await this.#context(), name, lock),
    });
  }

  codecOf(oid: number): Codec | undefined {
    return this.registry.lookup(oid);
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
