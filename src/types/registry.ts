import { loaded } from "../errors/loading.ts";
import { fail } from "../errors/checks.ts";
import { own } from "../errors/own.ts";
import { arrayOf } from "./array.ts";
import { builtinCodecs, type TypePolicies } from "./builtin.ts";
import type { Codec } from "./codec.ts";
import { COMMON_OIDS } from "./common_oids.ts";
import { type CustomCodec, customCodec, encodesStrings, mayEncodePrimitives } from "./custom.ts";
import { type JsonFunctions, textOnlyCodec } from "./scalars.ts";
import { ofType, type RareTypes, type TypeInfo } from "./type_info.ts";
import { parseTypeName } from "./type_names.ts";

export type { TypeInfo };

/** The option `types` of a connection or a query. */
export interface TypesOptions extends TypePolicies {
  /** Codecs that take precedence over the driver's own. */
  codecs?: readonly (Codec | CustomCodec)[] | undefined;
}

/** The first OID that is not a built-in type's. Source: transam.h, FirstGenbkiObjectId. */
const FIRST_OTHER_OID = 10_000;

/**
 * The types of one connection: the built-in ones under its policies, those registered by the user,
 * and those that the catalogue described. The codec of a container is created when it is first used.
 *
 * The code of all but the common types and their arrays is loaded when it is first needed
 * ({@linkcode TypeRegistry.load}). Until then these types are unknown, as those are about which the
 * catalogue was not asked.
 */
export class TypeRegistry {
  readonly #options: TypesOptions;
  /** The driver's codecs of the common scalar types. */
  readonly #common: readonly Codec[];
  /** The user's codecs of scalars by OID, which take precedence over the built-in ones. */
  readonly #scalars = new Map<number, Codec>();
  /** The user's codecs by `schema.name` or name. */
  readonly #named = new Map<string, Codec>();
  /** The codecs that the user registered, for {@linkcode TypeRegistry.with}. */
  readonly #registered: (Codec | CustomCodec)[] = [];
  #encodesPrimitives = false;
  #encodesStrings = false;
  readonly #catalogue: Catalogue;
  /** Codecs derived from others: of containers, and of types without a codec of their own. */
  readonly #derived = new Map<number, Codec>();
  /** The version of the catalogue that `#derived` belongs to. */
  #version = 0;
  /** Whether the user's codecs were resolved with the names of the rare types at hand. */
  #hasResolved = false;
  /** Types whose codec is being created: a catalogue may name a type within itself. */
  readonly #making = new Set<number>();

  /**
   * Creates a registry of the built-in types under the given policies, and of the given codecs.
   *
   * @param sharing a registry of the same connection, with which the catalogue is shared.
   * @throws {InterfaceError} a policy or a codec is invalid.
   */
  constructor(options: TypesOptions = {}, sharing?: TypeRegistry) {
    options = own(options);
    this.#options = options;
    this.#catalogue = sharing === undefined ? new Catalogue() : sharing.#catalogue;
    this.#common = builtinCodecs(options);
    for (const codec of codecsOf(options)) this.register(codec);
  }

  /** Whether a user's codec may write numbers, bigints and booleans in its own way. */
  get encodesPrimitives(): boolean {
    return this.#encodesPrimitives;
  }

  /** Whether a user's codec writes strings in its own way; only if it may write primitives so. */
  get encodesStrings(): boolean {
    return this.#encodesStrings;
  }

  /** The functions that read and write json, if any were given. */
  get json(): JsonFunctions | undefined {
    return this.#options.json;
  }

  /** Whether the rare types are loaded. */
  get isComplete(): boolean {
    return this.#catalogue.rare !== undefined;
  }

  /** Reports whether a type without a codec may have one once the rare types are loaded. */
  mayLoad(oid: number): boolean {
    return oid < FIRST_OTHER_OID && !this.isComplete;
  }

  /**
   * Loads the rare types, for all registries of the connection.
   *
   * @throws {OperationalError} their file cannot be loaded.
   */
  async load(): Promise<void> {
    if (!this.isComplete) {
      this.use((await loaded(import("./rare.ts"), "the rare types")).RARE_TYPES);
    }
  }

  /** Sets the rare types, for all registries of the connection. */
  use(rare: RareTypes): void {
    this.#catalogue.rare = rare;
    this.#catalogue.version++;
  }

  /**
   * Returns the codec for a type; `undefined` when it is unknown and has to be loaded, or looked up in
   * the catalogue (see {@linkcode TypeRegistry.define}).
   */
  lookup(oid: number): Codec | undefined {
    return this.#scalars.get(oid) ?? this.#commonScalar(oid) ?? this.#derivedCodec(oid);
  }

  /**
   * Adds or replaces a codec, by its OID or by its name, which is `schema.name` or the name of a
   * built-in or extension type. Containers of the type use it too.
   *
   * @throws {InterfaceError} the codec has neither a name nor an OID.
   */
  register(codec: Codec | CustomCodec): void {
    const whole = customCodec(codec);
    this.#encodesPrimitives ||= mayEncodePrimitives(codec);
    this.#encodesStrings ||= encodesStrings(codec);
    this.#registered.push(codec);
    this.#resolve(codec, whole);
    this.#derived.clear();
  }

  /** Adds or replaces the catalogue's description of a type. */
  define(info: TypeInfo): void {
    this.#catalogue.set(info);
  }

  /**
   * Clears the catalogue's descriptions of all types, as an altered type may be part of others.
   */
  forget(): void {
    this.#catalogue.clear();
  }

  /**
   * Returns a registry with other policies and further codecs, for one query. It shares the
   * catalogue's descriptions, and begins with the codecs registered here so far.
   */
  with(options: TypesOptions): TypeRegistry {
    const codecs = [...this.#registered, ...codecsOf(own(options))];
    return new TypeRegistry({ ...this.#options, ...options, codecs }, this);
  }

  /**
   * Returns the OID of a built-in type by its name: `int4`, `integer`, `numeric(10,2)`, `text[]`.
   * Others have none here: which type a name stands for, only the server knows, and only for now. A
   * rare type has none until it is loaded.
   *
   * @throws {InterfaceError} `name` is not the name of one type.
   */
  oidOf(name: string): number | undefined {
    const { typname, isArray } = parseTypeName(name, "parameterTypes");
    const oid = typname === undefined ? undefined : this.#builtinOid(typname);
    if (oid === undefined || !isArray) return oid;
    return (this.#commonScalar(oid) ?? this.#describe(oid))?.arrayOid || undefined;
  }

  #builtinOid(name: string): number | undefined {
    if (Object.hasOwn(COMMON_OIDS, name)) return COMMON_OIDS[name as keyof typeof COMMON_OIDS];
    return this.#catalogue.rare?.oidOf(name);
  }

  /**
   * Files a user's codec by its OID or its name. One of a rare type waits until these are loaded: the
   * type's name, its array and its delimiter are not known before.
   */
  #resolve(given: Codec | CustomCodec, codec: Codec): void {
    const bare = codec.name.replace(/^pg_catalog\./, "");
    const oid = codec.oid || this.#builtinOid(bare) || 0;
    if (oid === 0) return void this.#named.set(codec.name, codec);
    const info: Partial<TypeInfo> | undefined = this.#commonScalar(oid) ?? this.#describe(oid);
    if (info !== undefined || !this.mayLoad(oid)) {
      const { arrayOid, delimiter } = info ?? {};
      // Errors name the type, also where the codec was given by its OID alone.
      const name = given.name ? codec.name : info?.name ?? codec.name;
      this.#scalars.set(oid, ofType({ ...codec, name }, { oid, arrayOid, delimiter }));
    }
  }

  #describe(oid: number): TypeInfo | undefined {
    return this.#catalogue.get(oid) ?? this.#catalogue.rare?.describe(oid) ??
      this.#commonArray(oid);
  }

  #commonScalar(oid: number): Codec | undefined {
    return this.#common.find((codec) => codec.oid === oid);
  }

  /** Returns the array of a common type. */
  #commonArray(oid: number): TypeInfo | undefined {
    const element = this.#common.find(({ arrayOid }) => arrayOid === oid && oid !== 0);
    return element && {
      ...{ oid, name: `_${element.name}`, schema: "pg_catalog" },
      ...{ kind: "array", elementOid: element.oid },
    };
  }

  #derivedCodec(oid: number): Codec | undefined {
    if (this.#version !== this.#catalogue.version) {
      this.#derived.clear();
      this.#version = this.#catalogue.version;
      if (!this.#hasResolved && this.isComplete) {
        this.#hasResolved = true;
        this.#named.clear();
        for (const codec of this.#registered) this.#resolve(codec, customCodec(codec));
        return this.lookup(oid);
      }
    }
    return this.#derived.get(oid) ?? this.#derive(oid);
  }

  #derive(oid: number): Codec | undefined {
    const info = this.#describe(oid);
    if (info === undefined || this.#making.has(oid) || this.#making.size > MAX_NESTING) {
      return undefined;
    }
    this.#making.add(oid);
    try {
      const codec = this.#make(info);
      if (codec !== undefined) this.#derived.set(oid, codec);
      return codec;
    } finally {
      this.#making.delete(oid);
    }
  }

  /** Creates the codec of a type; `undefined` if the code for it is not loaded. */
  #make(info: TypeInfo): Codec | undefined {
    const named = this.#named.get(`${info.schema}.${info.name}`) ?? this.#named.get(info.name);
    if (named !== undefined) return ofType(named, info);
    if (info.kind === "array") {
      return arrayOf(this.#component(info.elementOid), {
        name: info.name,
        oid: info.oid,
        bounds: this.#options.arrays === "bounded",
      });
    }
    return this.#catalogue.rare?.make(info, this.#options, (oid) => this.#component(oid));
  }

  /** Returns a part's codec; a part of an unknown type is text. */
  #component(oid: number = 0): Codec {
    return this.lookup(oid) ?? textOnlyCodec(`type ${oid}`, oid) as Codec;
  }
}

/** The deepest nesting of types that is followed, whatever a server's catalogue contains. */
const MAX_NESTING = 256;

/** The types of the catalogue, and the rare ones: shared by a connection's registries. */
class Catalogue {
  /** A number that grows with every change. */
  version = 0;
  /** The rare types, once they are loaded. */
  rare: RareTypes | undefined;
  /** The catalogue's descriptions. */
  readonly #types = new Map<number, TypeInfo>();

  get(oid: number): TypeInfo | undefined {
    return this.#types.get(oid);
  }

  set(info: TypeInfo): void {
    this.#types.set(info.oid, info);
    this.version++;
  }

  clear(): void {
    this.#types.clear();
    this.version++;
  }
}

/** Returns a registry with the given policies and codecs. */
export function createRegistry(options: TypesOptions = {}): TypeRegistry {
  return new TypeRegistry(options);
}

/** Returns the option `codecs`. @throws {InterfaceError} it is no array. */
function codecsOf({ codecs = [] }: TypesOptions): readonly (Codec | CustomCodec)[] {
  if (!Array.isArray(codecs)) fail("types.codecs", "a list of codecs");
  return codecs;
}
