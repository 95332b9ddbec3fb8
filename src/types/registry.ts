import { own } from "../errors/own.ts";
import { arrayOf } from "./array.ts";
import { builtinCodecs, type TypePolicies } from "./builtin.ts";
import type { Codec } from "./codec.ts";
import type { TypeName } from "./component.ts";
import { type Attribute, compositeOf } from "./composite.ts";
import { type CustomCodec, customCodec, mayEncodePrimitives } from "./custom.ts";
import { EXTENSION_CODECS } from "./extensions.ts";
import { BUILTIN_TYPES, type BuiltinType } from "./oids.ts";
import { multirangeOf, type Range, rangeOf } from "./range.ts";
import { type JsonFunctions, textCodec, textOnlyCodec } from "./scalars.ts";
import { builtinOid, parseTypeName } from "./type_names.ts";

/** The option `types` of a connection or a query. */
export interface TypesOptions extends TypePolicies {
  /** Codecs that take precedence over the driver's own. */
  codecs?: readonly (Codec | CustomCodec)[] | undefined;
}

/** A type as the catalogue describes it (`pg_type`, `pg_range`, `pg_attribute`). */
export interface TypeInfo {
  /** `pg_type.oid`. */
  readonly oid: number;
  /** `pg_type.typname`. */
  readonly name: string;
  /** `pg_namespace.nspname` of its schema. */
  readonly schema: string;
  /** `pg_type.typtype` in words; `"array"` where `typcategory` is `A` and `typlen` -1. */
  readonly kind: "base" | "enum" | "domain" | "composite" | "range" | "multirange" | "array";
  /** The OID of the array of this type; 0 or absent when it has none. */
  readonly arrayOid?: number;
  /** `pg_type.typdelim`; default `,`. */
  readonly delimiter?: string;
  /** The OID of an array's element type. */
  readonly elementOid?: number;
  /** `pg_type.typbasetype` of a domain. */
  readonly baseOid?: number;
  /** `pg_range.rngsubtype` of a range. */
  readonly rangeSubtypeOid?: number;
  /** `pg_range.rngtypid` of a multirange. */
  readonly rangeOid?: number;
  /** The attributes of a composite in order, without dropped ones. */
  readonly attributes?: readonly { readonly name: string; readonly oid: number }[];
}

/**
 * The types of one connection: the built-in ones under its policies, those registered by the user,
 * and those that the catalogue described. The codec of a container is created when it is first used.
 */
export class TypeRegistry {
  readonly #options: TypesOptions;
  /** Scalars by OID; the user's take precedence over the built-in ones. */
  readonly #scalars = new Map<number, Codec>();
  /** The user's codecs by `schema.name` or name. */
  readonly #named = new Map<string, Codec>();
  /** The codecs that the user registered, for {@linkcode TypeRegistry.with}. */
  readonly #registered: (Codec | CustomCodec)[] = [];
  #encodesPrimitives = false;
  readonly #catalogue: Catalogue;
  /** Codecs derived from others: of containers, and of types without a codec of their own. */
  readonly #derived = new Map<number, Codec>();
  /** The version of the catalogue that `#derived` belongs to. */
  #version = 0;
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
    for (const codec of builtinCodecs(options)) this.#scalars.set(codec.oid, codec);
    for (const codec of options.codecs ?? []) this.register(codec);
  }

  /** Whether a user's codec may write numbers, bigints and booleans in its own way. */
  get encodesPrimitives(): boolean {
    return this.#encodesPrimitives;
  }

  /** The functions that read and write json, if any were given. */
  get json(): JsonFunctions | undefined {
    return this.#options.json;
  }

  /**
   * Returns the codec for a type; `undefined` when it is unknown and has to be looked up in the
   * catalogue (see {@linkcode TypeRegistry.define}).
   */
  lookup(oid: number): Codec | undefined {
    return this.#scalars.get(oid) ?? this.#derivedCodec(oid);
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
    this.#registered.push(codec);
    const oid = whole.oid || builtinOid(whole.name) || 0;
    if (oid !== 0) {
      const info = this.#describe(oid) ?? { oid, name: whole.name };
      // Errors name the type, also where the codec was given by its OID alone.
      const name = codec.name ? whole.name : info.name;
      this.#scalars.set(oid, ofType({ ...whole, name }, info));
    } else this.#named.set(whole.name, whole);
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
    const codecs = [...this.#registered, ...own(options).codecs ?? []];
    return new TypeRegistry({ ...this.#options, ...options, codecs }, this);
  }

  /**
   * Returns the OID of a built-in type by its name: `int4`, `integer`, `numeric(10,2)`, `text[]`.
   * Others have none here: which type a name stands for, only the server knows, and only for now.
   *
   * @throws {InterfaceError} `name` is not the name of one type.
   */
  oidOf(name: string): number | undefined {
    const { builtin, isArray } = parseTypeName(name, "parameterTypes");
    const oid = builtin === undefined ? undefined : builtinOid(builtin);
    if (oid === undefined || !isArray) return oid;
    return builtinInfo(oid)?.arrayOid || undefined;
  }

  #describe(oid: number): TypeInfo | undefined {
    return this.#catalogue.get(oid) ?? builtinInfo(oid);
  }

  #derivedCodec(oid: number): Codec | undefined {
    if (this.#version !== this.#catalogue.version) {
      this.#derived.clear();
      this.#version = this.#catalogue.version;
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
      this.#derived.set(oid, codec);
      return codec;
    } finally {
      this.#making.delete(oid);
    }
  }

  #make(info: TypeInfo): Codec {
    const named = this.#named.get(`${info.schema}.${info.name}`) ?? this.#named.get(info.name);
    if (named !== undefined) return ofType(named, info);
    switch (info.kind) {
      case "array":
        return arrayOf(this.#component(info.elementOid), {
          name: info.name,
          oid: info.oid,
          bounds: this.#options.arrays === "bounded",
        });
      case "domain":
        return ofType({ ...this.#component(info.baseOid), name: info.name }, info);
      case "enum":
        return textCodec(info.name, info.oid, info.arrayOid);
      case "range":
        return rangeOf(this.#component(info.rangeSubtypeOid), typeOf(info)) as Codec;
      case "multirange":
        return multirangeOf(this.#component(info.rangeOid) as Codec<Range>, typeOf(info)) as Codec;
      case "composite":
        return compositeOf(this.#attributes(info), typeOf(info)) as Codec;
      default:
        return ofType(EXTENSION_CODECS.get(info.name) ?? anyText(info.name, info.oid), info);
    }
  }

  #attributes({ attributes = [] }: TypeInfo): Attribute[] {
    return attributes.map(({ name, oid }) => ({ name, oid, codec: this.#component(oid) }));
  }

  /** Returns a part's codec; a part of an unknown type is text. */
  #component(oid: number = 0): Codec {
    return this.lookup(oid) ?? anyText(`type ${oid}`, oid);
  }
}

/** The deepest nesting of types that is followed, whatever a server's catalogue contains. */
const MAX_NESTING = 256;

/** The catalogue's descriptions of types, shared by a connection's registries. */
class Catalogue {
  /** A number that grows with every change. */
  version = 0;
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

function anyText(name: string, oid: number): Codec {
  return textOnlyCodec(name, oid) as Codec;
}

function typeOf({ name, oid, arrayOid = 0 }: TypeInfo): TypeName {
  return { name, oid, arrayOid };
}

/** Returns a copy of a codec for the type that `info` describes. */
function ofType(codec: Codec, info: Partial<TypeInfo>): Codec {
  const { oid = codec.oid, arrayOid = codec.arrayOid, delimiter = codec.delimiter } = info;
  return Object.freeze({ ...codec, oid, arrayOid, delimiter });
}

/** Returns a built-in type. Their OIDs are below 10,000 (transam.h, FirstGenbkiObjectId). */
function builtinInfo(oid: number): TypeInfo | undefined {
  if (oid >= 10_000) return undefined;
  const type = BUILTIN_TYPES.find((row) => row[0] === oid || row[3] === oid);
  return type && oid !== 0 ? infoOf(type, oid) : undefined;
}

function infoOf([own, name, kind, arrayOid, inner, delimiter]: BuiltinType, oid: number): TypeInfo {
  const schema = "pg_catalog";
  if (oid !== own) return { oid, name: `_${name}`, schema, kind: "array", elementOid: own };
  const common = { oid, name, schema, arrayOid, delimiter };
  if (kind === "r") return { ...common, kind: "range", rangeSubtypeOid: inner };
  if (kind === "m") return { ...common, kind: "multirange", rangeOid: inner };
  return { ...common, kind: "base" };
}
