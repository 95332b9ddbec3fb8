/** The types of the columns of relations: their codecs and their names. */
import type { Codec } from "../types/codec.ts";
import { RARE_TYPES } from "../types/rare.ts";
import type { DecoderContext } from "./plugin.ts";
import type { Relation, RelationColumn } from "./relation.ts";

/** Names and OIDs that are kept at most, whatever a server sends. */
const MOST = 100_000;

/** The name of a type, as a Type message has it. */
interface TypeName {
  readonly schema: string;
  readonly name: string;
}

/** The types that one stream has met. */
export class ColumnTypes {
  readonly #context: DecoderContext;
  /** The names that the stream carries, by OID. */
  readonly #names = new Map<number, TypeName>();
  /** The types that the catalogue does not have. */
  readonly #missing = new Set<number>();

  constructor(context: DecoderContext) {
    this.#context = context;
  }

  /** Keeps a type's name. */
  add(oid: number, name: TypeName): void {
    if (this.#names.size >= MOST) this.#names.clear();
    this.#names.set(oid, name);
  }

  /** Returns the types of columns that have to be looked up. */
  unknown(columns: readonly RelationColumn[]): number[] {
    const { types } = this.#context;
    const oids = columns.map(({ type }) => type);
    const isUnknown = (oid: number): boolean =>
      types.codecOf(oid) === undefined && !this.#missing.has(oid);
    return [...new Set(oids.filter(isUnknown))];
  }

  /** Takes note of types that were looked up in vain, and reports each once. */
  lookedUp(relation: Relation, oids: readonly number[]): void {
    for (const oid of oids) {
      if (this.#context.types.codecOf(oid) !== undefined) continue;
      if (this.#missing.size >= MOST) this.#missing.clear();
      this.#missing.add(oid);
      if (this.#basicCodec(oid) !== undefined) continue;
      const column = relation.columns.find(({ type }) => type === oid)!.name;
      const { table } = relation;
      try {
        this.#context.onUnknownType?.({ oid, name: this.#streamedName(oid), table, column });
      } catch { /* the stream is not at fault */ }
    }
  }

  /** Returns the codec of a type; `undefined` if the type does not exist any more. */
  codecOf(oid: number): Codec | undefined {
    return this.#context.types.codecOf(oid) ?? this.#basicCodec(oid);
  }

  /** Returns the name of a type. */
  nameOf(oid: number): string {
    const streamed = this.#streamedName(oid);
    const known = this.#context.types.codecOf(oid)?.name;
    // Of a domain the stream has the base type's name, and only the catalogue its own.
    const isOwn = known === undefined || this.#names.get(oid)?.name === known;
    return (isOwn ? streamed ?? known : known) ?? `type ${oid}`;
  }

  #streamedName(oid: number): string | undefined {
    const found = this.#names.get(oid);
    if (found === undefined) return undefined;
    return found.schema === "pg_catalog" ? found.name : `${found.schema}.${found.name}`;
  }

  /** A domain over a built-in type comes with that type's name, so it can be read even if it was dropped. */
  #basicCodec(oid: number): Codec | undefined {
    const found = this.#names.get(oid);
    if (found?.schema !== "pg_catalog") return undefined;
    const basic = RARE_TYPES.oidOf(found.name);
    return basic === undefined ? undefined : this.#context.types.codecOf(basic);
  }
}
