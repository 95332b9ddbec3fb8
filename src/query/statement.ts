/**
 * Prepared statements by their text: what the server told about each, and which to forget.
 */
import { DatabaseError } from "../errors/errors.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import type { TypeRegistry } from "../types/registry.ts";
import type { ParameterType } from "./parameters.ts";
import {
  interpretRows,
  type RowColumn,
  type RowDecoder,
  type RowShape,
  warmingRows,
} from "./rows.ts";

/** The codecs of queries that have `types` of their own, and what tells them from others'. */
export interface OwnTypes {
  readonly registry: TypeRegistry;
  readonly id: number;
}

/** One statement on the server, from its Parse on. */
export class Statement {
  /** Its name there; `""` for the unnamed one. */
  readonly name: string;
  readonly text: string;
  /** The OIDs that the caller fixed; the server decides the rest. */
  readonly declared: readonly number[];
  /** What its values are read and written by, unless it is the connection's codecs. */
  readonly types: OwnTypes | undefined;
  /** `parsing`: sent, not confirmed. `ready`: confirmed and described. `failed`: refused or dropped. */
  state: "parsing" | "ready" | "failed" = "parsing";
  /**
   * What may be bound to it before it is confirmed: everything (`true`), as nothing before its Parse
   * can keep the server from that; or only what belongs to the same request, with which it fails.
   */
  joinable: object | boolean = false;
  parameters: readonly ParameterType[] = [];
  columns: readonly ColumnDescription[] = [];
  /** How its results come once it is described: binary where the codec can. */
  binaryColumns: readonly RowColumn[] = [];
  resultFormats: readonly number[] = [];
  /** OIDs among the columns' types of which nobody knows anything. */
  unknown: readonly number[] = [];
  /** When it was last used, by the cache's count. */
  used = 0;
  /** How often, one after the other, the server had lost statements when this one was made. */
  losses = 0;
  #asObject: (() => RowDecoder) | undefined;
  #asArray: (() => RowDecoder) | undefined;

  constructor(name: string, text: string, declared: readonly number[], types?: OwnTypes) {
    this.name = name;
    this.text = text;
    this.declared = declared;
    this.types = types;
  }

  /** Whether there is a parameter of a type of which nobody knows anything. */
  get hasUnknownParameters(): boolean {
    for (const { codec } of this.parameters) if (codec === undefined) return true;
    return false;
  }

  /** Fills in the columns, or fills them in anew when more is known of their types. */
  describe(columns: readonly ColumnDescription[], described: readonly RowColumn[]): void {
    this.columns = columns;
    this.binaryColumns = described;
    const formats = described.map(({ format }) => format);
    this.resultFormats = formats.every((format) => format === 0) ? [] : formats;
    const unknown = described.filter(({ codec }) => codec === undefined);
    this.unknown = [...new Set(unknown.map(({ typeOid }) => typeOid))];
    this.#asObject = this.#asArray = undefined;
  }

  /** The decoder for results in `resultFormats`. */
  decoder(shape: RowShape): RowDecoder {
    if (shape === "object") return (this.#asObject ??= warmingRows(this.binaryColumns, shape))();
    return (this.#asArray ??= warmingRows(this.binaryColumns, shape))();
  }

  /** A decoder for results that came as text: used once, so not compiled. */
  textDecoder(shape: RowShape): RowDecoder {
    return interpretRows(this.binaryColumns.map((column) => ({ ...column, format: 0 })), shape);
  }
}

/** Where statements are found by their text: the cache, or one's own place. */
export interface StatementPlace {
  /** The statement for this text, if there is one that is not known to have failed. */
  find(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined;
  /** A new statement under a fresh name; `undefined`: there is no room for one. */
  add(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined;
  /** Takes a statement out of the books: the server does not have it, or should not be asked for it. */
  forget(statement: Statement): void;
}

/**
 * The statements of one connection, least recently used out first.
 *
 * Names carry a random prefix: behind a pooler that mixes up sessions, two connections must never
 * mean different statements by one name.
 */
export class StatementCache implements StatementPlace {
  readonly #size: number;
  readonly #prefix: string;
  readonly #byKey = new Map<string, Statement>();
  readonly #places = new Set<OwnPlace>();
  /** Names of statements that the server still has and nobody uses. */
  #spent: string[] = [];
  #clock = 0;
  #count = 0;
  #losses = 0;
  #keeps = true;

  constructor(size: number, random: Uint8Array) {
    this.#size = size;
    const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.#prefix = `cornac_${hex}_`;
  }

  find(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined {
    const statement = this.#byKey.get(keyOf(text, declared, types));
    if (statement !== undefined) statement.used = ++this.#clock;
    return statement;
  }

  /**
   * Makes room by dropping the longest unused one that is certainly on the server. What others' meaning
   * depends on has no place here: a statement that the server has lost is run again, and what was sent
   * behind it has been run by then, outside of the transaction that it was to begin.
   */
  add(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined {
    if (!this.#keeps || OF_THE_SESSION.test(text)) return undefined;
    if (this.#byKey.size >= this.#size && !this.#evict()) return undefined;
    const added = this.#named(text, declared, types);
    added.used = ++this.#clock;
    this.#byKey.set(keyOf(text, declared, types), added);
    return added;
  }

  /** A statement under a fresh name, outside of the cache; `undefined`: nothing is kept here. */
  fresh(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined {
    return this.#keeps ? this.#named(text, declared, types) : undefined;
  }

  /** A name that no statement and no portal of this connection has had. */
  freshName(): string {
    return `${this.#prefix}${++this.#count}`;
  }

  /** A place for one statement, that is never evicted. */
  place(): OwnPlace {
    const place = new OwnPlace(this, () => this.#places.delete(place));
    this.#places.add(place);
    return place;
  }

  forget(statement: Statement): void {
    statement.state = "failed";
    const key = keyOf(statement.text, statement.declared, statement.types);
    if (this.#byKey.get(key) === statement) this.#byKey.delete(key);
  }

  /** Forgets all that the server had until now, and has dropped. */
  clear(): void {
    for (const statement of [...this.#byKey.values()]) {
      if (statement.state === "ready") this.forget(statement);
    }
    this.#spent = [];
    for (const place of this.#places) place.clear();
  }

  /** Whether statements have names, and are kept on the server. */
  get keeps(): boolean {
    return this.#keeps;
  }

  /** From now on no statement has a name: each is parsed where it is run. */
  keepNone(): void {
    this.#keeps = false;
    this.clear();
  }

  /**
   * The server does not know a statement that it has confirmed. DEALLOCATE can do that; but when one
   * that was made after such a loss is lost too, and so again, there is a pooler that gives us another
   * session for each transaction.
   */
  lose(statement: Statement): void {
    this.#losses = Math.max(this.#losses, statement.losses + 1);
    if (this.#losses === MOST_LOSSES) this.keepNone();
  }

  /** Has the server drop a statement, with the next one that is introduced to it. */
  spend(name: string): void {
    this.#spent.push(name);
  }

  /** Whose names are to be closed now; whoever takes them gives back what he could not close. */
  takeSpent(): readonly string[] {
    const spent = this.#spent;
    if (spent.length === 0) return NOTHING_SPENT;
    this.#spent = [];
    return spent;
  }

  /**
   * Has every statement described anew, because codecs have changed; queries on their way keep the
   * description that they were sent with.
   */
  renew(describe: (fresh: Statement) => void): void {
    for (const [key, old] of this.#byKey) {
      if (old.state === "ready") this.#byKey.set(key, renewed(old, describe));
    }
    for (const place of this.#places) place.renew((old) => renewed(old, describe));
  }

  #named(text: string, declared: readonly number[], types?: OwnTypes): Statement {
    const statement = new Statement(this.freshName(), text, declared, types);
    statement.losses = this.#losses;
    return statement;
  }

  #evict(): boolean {
    let oldest: Statement | undefined;
    for (const statement of this.#byKey.values()) {
      if (statement.state !== "ready") continue;
      if (oldest === undefined || statement.used < oldest.used) oldest = statement;
    }
    if (oldest === undefined) return false;
    this.forget(oldest);
    this.spend(oldest.name);
    return true;
  }
}

/** The place of one statement, which somebody has prepared by himself. */
export class OwnPlace implements StatementPlace {
  readonly #cache: StatementCache;
  readonly #left: () => void;
  #statement: Statement | undefined;

  constructor(cache: StatementCache, left: () => void) {
    this.#cache = cache;
    this.#left = left;
  }

  find(): Statement | undefined {
    return this.#statement;
  }

  add(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined {
    return this.#statement = this.#cache.fresh(text, declared, types);
  }

  forget(statement: Statement): void {
    statement.state = "failed";
    if (this.#statement === statement) this.#statement = undefined;
  }

  clear(): void {
    if (this.#statement?.state === "ready") this.forget(this.#statement);
  }

  renew(renewed: (old: Statement) => Statement): void {
    if (this.#statement?.state === "ready") this.#statement = renewed(this.#statement);
  }

  /** Gives the place up; the statement that was in it is for the caller to close. */
  leave(): Statement | undefined {
    this.#left();
    const statement = this.#statement;
    this.#statement = undefined;
    return statement;
  }
}

/**
 * Whether the server has said that it does not know a statement by its name, knows another by it,
 * cannot run it as described, or has dropped the type of a parameter, without which it cannot be bound.
 * Source: prepare.c; plancache.c, `RevalidateCachedQuery`; lsyscache.c, "cache lookup failed for type".
 */
export function isStale(error: unknown, { name, parameters }: Statement): error is DatabaseError {
  if (name === "" || !(error instanceof DatabaseError)) return false;
  switch (error.code) {
    case "0A000":
      return error.routine === "RevalidateCachedQuery";
    case "26000":
    case "42P05":
      return error.message.includes(name);
    case "XX000": {
      const [, oid] = / type (\d+)$/.exec(error.message) ?? [];
      return parameters.some((parameter) => String(parameter.oid) === oid);
    }
    default:
      return false;
  }
}

/** Commands that begin and end transactions or change the session's state, behind any comments. */
const OF_THE_SESSION =
  /^(?:\s|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:begin|start|commit|end|rollback|abort|savepoint|release|prepare|set|reset|discard|deallocate|listen|unlisten|lock)\b/i;
const MOST_LOSSES = 3;
const NOTHING_SPENT: readonly string[] = Object.freeze([]);

function renewed(old: Statement, describe: (fresh: Statement) => void): Statement {
  const fresh = new Statement(old.name, old.text, old.declared, old.types);
  Object.assign(fresh, { state: old.state, used: old.used, losses: old.losses });
  Object.assign(fresh, { parameters: old.parameters, columns: old.columns });
  describe(fresh);
  return fresh;
}

function keyOf(text: string, declared: readonly number[], types: OwnTypes | undefined): string {
  if (types !== undefined) return `${declared.join(",")};${types.id}\0${text}`;
  return declared.length === 0 ? text : `${declared.join(",")}\0${text}`;
}
