/**
 * The relations that a session of the server has described, with the decoders of their rows.
 *
 * The server describes a relation before its first row, and again when it has changed. In a transaction
 * that is streamed in progress it describes all relations once more: such a description may come from a
 * change of the schema that is not committed yet, so it is kept apart until the transaction's end.
 * Source: pgoutput.c, `maybe_send_schema` and `cleanup_rel_sync_cache`.
 */
import { ProtocolError } from "../errors/errors.ts";
import type { RowShape } from "../query/rows.ts";
import type { Codec } from "../types/codec.ts";
import { isSameRelation, type Relation, type RelationColumn } from "./relation.ts";
import { RowDecoder } from "./row_decoder.ts";

/** Limits of the memory that a server can make us use, over all sessions of one stream. */
export interface RelationLimits {
  /** Bytes of descriptions, as far as they can be estimated. */
  readonly bytes: number;
  /** Decoders that are kept compiled. */
  readonly compiled: number;
}

const LIMITS: RelationLimits = { bytes: 128 << 20, compiled: 1000 };

/** The estimated size of a relation without its columns, and of a column without its name. */
const RELATION_BYTES = 250;
const COLUMN_BYTES = 120;

/** The columns that tables have in common, such as the partitions of one table. */
export interface Shape {
  readonly columns: readonly RelationColumn[];
  readonly bytes: number;
  /** The number of kept relations that have these columns. */
  users: number;
  decoder: RowDecoder | undefined;
}

/** A relation that the server has described. */
export interface KnownRelation {
  readonly relation: Relation;
  readonly shape: Shape;
  readonly key: string;
  /** The number of descriptions that came before; the later one of two holds. */
  readonly sequence: number;
}

type Descriptions = Map<number, KnownRelation>;

/** The relations of one stream. */
export class Relations {
  readonly #codecOf: (column: RelationColumn) => Codec | undefined;
  readonly #rows: RowShape;
  readonly #limits: RelationLimits;
  readonly #shapes = new Map<string, Shape>();
  /** The shapes whose decoders were used, oldest first, to keep few of them. */
  readonly #decoders = new Set<Shape>();
  #committed: Descriptions = new Map();
  /** The descriptions within streamed transactions, by the top-level transaction. */
  readonly #streamed = new Map<number, Descriptions>();
  /** The descriptions of earlier sessions, to tell what has changed since. */
  #earlier: Descriptions = new Map();
  #sequence = 0;
  #bytes = 0;

  constructor(
    codecOf: (column: RelationColumn) => Codec | undefined,
    rows: RowShape,
    limits: RelationLimits = LIMITS,
  ) {
    this.#codecOf = codecOf;
    this.#rows = rows;
    this.#limits = limits;
  }

  /** The estimated size of all that is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Keeps a description; `xid` is the streamed transaction that it came in. Returns the kept one, and
   * the previous one of this relation.
   *
   * @throws {ProtocolError} the descriptions need too much memory.
   */
  add(relation: Relation, xid?: number): { relation: Relation; previous: Relation | undefined } {
    const previous = this.#find(relation.oid, xid) ?? this.#earlier.get(relation.oid);
    const known = this.#keep(relation);
    this.#put(xid === undefined ? this.#committed : this.#streamedIn(xid), known);
    while (this.#bytes > this.#limits.bytes && this.#earlier.size > 0) {
      this.#drop(this.#earlier, this.#earlier.keys().next().value!);
    }
    if (this.#bytes > this.#limits.bytes) throw tooMany(this.#limits.bytes);
    return { relation: known.relation, previous: previous?.relation };
  }

  /**
   * Returns a relation for its rows; `xid` is the streamed transaction that they are in.
   *
   * @throws {ProtocolError} the server has not described it.
   */
  get(oid: number, xid: number | undefined): KnownRelation {
    const known = this.#find(oid, xid);
    if (known === undefined) throw unknownRelation(oid);
    return known;
  }

  /** Returns the decoder of a relation's rows. */
  rowsOf({ shape }: KnownRelation): RowDecoder {
    return shape.decoder ?? this.#makeDecoder(shape);
  }

  /** Keeps the descriptions of a streamed transaction that has committed. */
  commit(xid: number): void {
    const descriptions = this.#streamed.get(xid);
    if (descriptions === undefined) return;
    this.#streamed.delete(xid);
    for (const [oid, known] of descriptions) {
      const other = this.#committed.get(oid);
      if (other === undefined || other.sequence < known.sequence) this.#put(this.#committed, known);
      else this.#release(known);
    }
  }

  /** Drops the descriptions of a streamed transaction, of which a part was aborted or which is prepared. */
  abort(xid: number): void {
    const descriptions = this.#streamed.get(xid);
    this.#streamed.delete(xid);
    for (const known of descriptions?.values() ?? []) this.#release(known);
  }

  /** Drops all decoders, because the codecs of types have changed. */
  renewDecoders(): void {
    for (const shape of this.#decoders) shape.decoder = undefined;
    this.#decoders.clear();
  }

  /** Begins a new session of the server, which describes all relations again. */
  reset(): void {
    for (const xid of [...this.#streamed.keys()]) this.abort(xid);
    for (const known of this.#committed.values()) this.#put(this.#earlier, known);
    this.#committed = new Map();
    this.renewDecoders();
  }

  #find(oid: number, xid: number | undefined): KnownRelation | undefined {
    const streamed = xid === undefined ? undefined : this.#streamed.get(xid)?.get(oid);
    return streamed ?? this.#committed.get(oid);
  }

  #streamedIn(xid: number): Descriptions {
    let descriptions = this.#streamed.get(xid);
    if (descriptions === undefined) this.#streamed.set(xid, descriptions = new Map());
    return descriptions;
  }

  #keep(relation: Relation): KnownRelation {
    const key = JSON.stringify(
      relation.columns.map((c) => [c.name, c.type, c.typeName, c.typeModifier, c.key]),
    );
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      const { columns } = relation;
      const bytes = columns.length * COLUMN_BYTES + key.length * 2;
      shape = { columns, bytes, users: 0, decoder: undefined };
      this.#shapes.set(key, shape);
      this.#bytes += bytes;
    }
    shape.users++;
    this.#bytes += bytesOf(relation);
    const { columns } = shape;
    const sequence = ++this.#sequence;
    return { relation: { ...relation, columns }, key, shape, sequence };
  }

  #release({ relation, shape, key }: KnownRelation): void {
    this.#bytes -= bytesOf(relation);
    if (--shape.users > 0) return;
    this.#shapes.delete(key);
    this.#decoders.delete(shape);
    this.#bytes -= shape.bytes;
  }

  #put(descriptions: Descriptions, known: KnownRelation): void {
    const { oid } = known.relation;
    this.#drop(descriptions, oid);
    descriptions.set(oid, known);
    if (descriptions === this.#committed) this.#drop(this.#earlier, oid);
  }

  #drop(descriptions: Descriptions, oid: number): void {
    const known = descriptions.get(oid);
    if (known === undefined) return;
    descriptions.delete(oid);
    this.#release(known);
  }

  #makeDecoder(shape: Shape): RowDecoder {
    const columns = shape.columns.map((c) => ({ ...c, codec: this.#codecOf(c) }));
    this.#decoders.add(shape);
    if (this.#decoders.size > this.#limits.compiled) {
      const oldest: Shape = this.#decoders.values().next().value!;
      this.#decoders.delete(oldest);
      oldest.decoder = undefined;
    }
    return shape.decoder = new RowDecoder(columns, this.#rows);
  }
}

/** Reports whether a description says nothing new. */
export function isKnown(relation: Relation, previous: Relation | undefined): boolean {
  return previous !== undefined && isSameRelation(relation, previous);
}

function bytesOf({ table }: Relation): number {
  return RELATION_BYTES + 4 * table.length;
}

function tooMany(limit: number): ProtocolError {
  return new ProtocolError(
    `the server has described tables that need more than ${limit >> 20} MiB; ` +
      "let the publication have fewer tables, or publish partitions via their root",
  );
}

function unknownRelation(oid: number): ProtocolError {
  return new ProtocolError(
    `a row of relation ${oid}, which the server has not described; ` +
      "a new connection makes the server describe every relation again",
  );
}
