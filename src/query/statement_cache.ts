/**
 * The statements of one connection, found by their text and by what else they depend on.
 */
import type { SessionLock } from "../session/exchange.ts";
import { Dependence, type DependenceSource, type Reach, type TextEffects } from "./dependence.ts";
import { type OwnTypes, Statement } from "./statement.ts";

/** A store of statements by their texts: the cache, or the store of one prepared statement. */
export interface StatementStore {
  /** Returns the statement for this text, or `undefined` if there is none that may be used. */
  find(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined;
  /** Makes a statement under a fresh name; `undefined`: it is not to be kept, or there is no room. */
  add(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined;
  /** Takes a statement out: the server does not have it, or does not mean the same by it. */
  forget(statement: Statement): void;
}

/** Limits of the statements that are kept. */
export interface StatementLimits {
  /** How many. */
  readonly size: number;
  /** Seconds after which a statement is parsed again; 0: no limit. */
  readonly lifetime: number;
}

/** The statements that were parsed under the same settings, by their keys. */
type Shelf = Map<string, Statement>;

/**
 * The statements of one connection. The least recently used is closed to make room.
 *
 * There is a shelf of statements for each combination of settings that they depend on, and one that
 * has no settings yet: it is in use from the moment at which a text that may change them is sent until
 * all is answered. A change of objects empties all shelves.
 *
 * Names carry a random prefix: behind a pooler that mixes up sessions, two connections must never
 * mean different statements by one name.
 */
export class StatementCache implements StatementStore {
  readonly #limits: StatementLimits;
  readonly #dependence: Dependence;
  readonly #now: () => number;
  #prefix: string | undefined;
  /** By the settings under which their statements were parsed. */
  readonly #shelves = new Map<string, Shelf>();
  #shelf: Shelf = new Map();
  /** The settings of `#shelf` are not known. */
  #isUnsettled = true;
  readonly #stores = new Set<PreparedStore>();
  /** Texts that the server ran as something else although they had just been parsed. */
  readonly #unkept = new Set<string>();
  /** Names of statements that the server still has and that are not used any more. */
  #unused: string[] = [];
  /** The time of the last look at the clock, in milliseconds. */
  #time = 0;
  #uses = 0;
  #count = 0;
  #losses = 0;
  #keeps = true;

  /** `now` is a clock in milliseconds. */
  constructor(
    limits: StatementLimits,
    source: DependenceSource,
    now: () => number = () => performance.now(),
  ) {
    this.#limits = limits;
    this.#dependence = new Dependence(source);
    this.#now = now;
  }

  find(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined {
    if (this.#isUnsettled) this.#settle();
    const statement = this.#shelf.get(keyOf(text, declared, types));
    if (statement === undefined) return undefined;
    statement.used = ++this.#uses;
    if (!this.#isExpired(statement)) return statement;
    this.retire(statement);
    return undefined;
  }

  /**
   * Makes room by closing the least recently used statement that is certainly on the server. A text
   * that depends on more than the shelf stands for is not kept.
   */
  add(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined {
    if (!this.#keeps || this.#limits.size === 0 || !this.mayKeep(text) || this.#unkept.has(text)) {
      return undefined;
    }
    if (this.#isUnsettled) this.#settle();
    if (this.#kept >= this.#limits.size && !this.#evict()) return undefined;
    const added = this.#made(this.freshName(), text, declared, types);
    added.used = ++this.#uses;
    this.#shelf.set(keyOf(text, declared, types), added);
    return added;
  }

  /** Makes a statement under a fresh name outside of the cache; `undefined`: it is not to be kept. */
  fresh(text: string, declared: readonly number[], types?: OwnTypes): Statement | undefined {
    if (!this.#keeps || !this.mayKeep(text) || this.#unkept.has(text)) return undefined;
    return this.#made(this.freshName(), text, declared, types);
  }

  /** Makes a statement without a name. */
  unnamed(text: string, declared: readonly number[], types?: OwnTypes): Statement {
    return this.#made("", text, declared, types);
  }

  /** Returns a name that no statement and no portal of this connection has had. */
  freshName(): string {
    this.#prefix ??= `cornac_${crypto.getRandomValues(new Uint32Array(2)).join("")}_`;
    return `${this.#prefix}${++this.#count}`;
  }

  /** Returns a store for one statement, which is never closed to make room. */
  preparedStore(): PreparedStore {
    const store = new PreparedStore(this, () => this.#stores.delete(store));
    this.#stores.add(store);
    return store;
  }

  /**
   * Takes note of a text that is being sent: what may be sent behind it, and what it makes unusable.
   * Returns its effects.
   */
  sending(text: string, lock: SessionLock | undefined): TextEffects {
    const effects = this.#dependence.effectsOf(text);
    if (effects.isKept) return effects;
    const reach = this.#dependence.note(text, effects, lock);
    this.#drop(reach);
    return effects;
  }

  /** Takes the session's present settings for those to which it is reset. */
  begin(): void {
    this.#dependence.begin();
  }

  /** Takes note that the session is being reset, behind what was sent before. */
  resetting(): void {
    if (this.#isUnsettled) this.#settle();
    this.#drop(this.#dependence.reset());
  }

  /** Takes note that another connection has changed objects. */
  objectsChanged(): void {
    this.#drop("all");
  }

  /** Takes note of a parameter that the server reports. */
  reported(parameter: string): void {
    if (!this.#dependence.concerns(parameter)) return;
    // What is on the wire may have been parsed before the change or behind it.
    this.#retireShelf(this.#shelf);
    for (const [key, shelf] of this.#shelves) if (shelf === this.#shelf) this.#shelves.delete(key);
    this.#unsettle();
  }

  /** Reports whether a statement still means what it meant when it was described. */
  isCurrent(statement: Statement): boolean {
    if (this.#isUnsettled) this.#settle();
    return statement.shelf === this.#shelf && statement.state !== "failed" &&
      !this.#isExpired(statement);
  }

  /** Reports whether a text depends on nothing but what the cache takes into account. */
  mayKeep(text: string): boolean {
    return this.#dependence.effectsOf(text).isKept;
  }

  forget(statement: Statement): void {
    statement.state = "failed";
    this.#remove(statement);
  }

  /** Takes a statement out that the server still has; it is closed with the next Parse. */
  retire(statement: Statement): void {
    this.#remove(statement);
    if (statement.name !== "" && statement.state !== "failed") this.closeLater(statement.name);
  }

  /** Stops keeping a text: behind a pooler with a cache of its own, a Parse may not reach the server. */
  keepNoMore(text: string): void {
    if (this.#unkept.size < this.#limits.size) this.#unkept.add(text);
    else this.keepNone();
  }

  /** Forgets all statements: the server has dropped them. */
  clear(): void {
    for (const shelf of this.#allShelves()) {
      for (const one of [...shelf.values()]) if (one.state === "ready") this.forget(one);
    }
    this.#unused = [];
    for (const store of this.#stores) store.clear();
  }

  /** Whether statements are kept under names. */
  get keeps(): boolean {
    return this.#keeps;
  }

  /** Stops keeping statements: each is parsed where it is run. */
  keepNone(): void {
    this.#keeps = false;
    this.clear();
  }

  /**
   * Takes note that the server does not know a statement that it had confirmed. DEALLOCATE can do that.
   * But if statements that were made after such a loss are lost again and again, there is a pooler that
   * lends another session for each transaction.
   */
  noteLoss(statement: Statement): void {
    this.#losses = Math.max(this.#losses, statement.losses + 1);
    if (this.#losses === MOST_LOSSES) this.keepNone();
  }

  /** Has the server close a statement together with the next Parse. */
  closeLater(name: string): void {
    this.#unused.push(name);
  }

  /** Returns the names of statements to close. The caller must return any that it fails to close. */
  takeUnused(): readonly string[] {
    const unused = this.#unused;
    if (unused.length === 0) return NO_NAMES;
    this.#unused = [];
    return unused;
  }

  /**
   * Describes every statement again, because codecs have changed. Queries on their way keep the
   * description that they were sent with.
   */
  renew(describe: (fresh: Statement) => void): void {
    for (const shelf of this.#allShelves()) {
      for (const [key, old] of shelf) {
        if (old.state === "ready") shelf.set(key, renewed(old, describe));
      }
    }
    for (const store of this.#stores) store.renew((old) => renewed(old, describe));
  }

  get #kept(): number {
    let kept = 0;
    for (const shelf of this.#allShelves()) kept += shelf.size;
    return kept;
  }

  *#allShelves(): Generator<Shelf, void> {
    yield* this.#shelves.values();
    if (this.#isUnsettled) yield this.#shelf;
  }

  #made(name: string, text: string, declared: readonly number[], types?: OwnTypes): Statement {
    const statement = new Statement(name, text, declared, types);
    statement.losses = this.#losses;
    statement.shelf = this.#shelf;
    statement.parsedAt = this.#time = this.#now();
    return statement;
  }

  /** Looking at the clock costs as much as the search, so within a pipeline each 32nd use does. */
  #isExpired({ parsedAt }: Statement): boolean {
    if (this.#dependence.isSettled || (this.#uses & 31) === 0) this.#time = this.#now();
    const { lifetime } = this.#limits;
    return lifetime > 0 && this.#time - parsedAt > lifetime * 1000;
  }

  /** Goes on with the shelf of the settings in force, unless these are not known yet. */
  #settle(): void {
    if (!this.#dependence.isSettled) return;
    this.#isUnsettled = false;
    const { settings } = this.#dependence;
    const known = this.#shelves.get(settings);
    for (const [key, shelf] of this.#shelves) if (shelf.size === 0) this.#shelves.delete(key);
    if (known !== undefined) {
      this.#retireShelf(this.#shelf);
      this.#shelf = known;
    }
    this.#shelves.set(settings, this.#shelf);
  }

  /** Goes on with an empty shelf until the settings in force are known. */
  #unsettle(): void {
    if (this.#isUnsettled) this.#retireShelf(this.#shelf);
    this.#isUnsettled = true;
    this.#shelf = new Map();
  }

  #drop(reach: Reach): void {
    if (reach === "all") this.#retireAll();
    if (reach !== "none") this.#unsettle();
  }

  #retireAll(): void {
    for (const shelf of this.#allShelves()) this.#retireShelf(shelf);
    this.#shelves.clear();
  }

  #retireShelf(shelf: Shelf): void {
    for (const statement of [...shelf.values()]) this.retire(statement);
  }

  #remove(statement: Statement): void {
    const { shelf, text, declared, types } = statement;
    const key = keyOf(text, declared, types);
    if (shelf?.get(key) === statement) shelf.delete(key);
  }

  #evict(): boolean {
    let oldest: Statement | undefined;
    for (const shelf of this.#allShelves()) {
      for (const statement of shelf.values()) {
        if (statement.state !== "ready") continue;
        if (oldest === undefined || statement.used < oldest.used) oldest = statement;
      }
    }
    if (oldest === undefined) return false;
    this.retire(oldest);
    return true;
  }
}

/** The store of one statement, prepared by a call of `prepare()`. */
export class PreparedStore implements StatementStore {
  readonly #cache: StatementCache;
  readonly #left: () => void;
  #statement: Statement | undefined;

  constructor(cache: StatementCache, left: () => void) {
    this.#cache = cache;
    this.#left = left;
  }

  find(): Statement | undefined {
    const statement = this.#statement;
    if (statement === undefined || this.#cache.isCurrent(statement)) return statement;
    this.#statement = undefined;
    this.#cache.retire(statement);
    return undefined;
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

  /** Gives the store up. Returns the statement that was in it, for the caller to close. */
  leave(): Statement | undefined {
    this.#left();
    const statement = this.#statement;
    this.#statement = undefined;
    return statement;
  }
}

const MOST_LOSSES = 3;
const NO_NAMES: readonly string[] = Object.freeze([]);

function renewed(old: Statement, describe: (fresh: Statement) => void): Statement {
  const fresh = new Statement(old.name, old.text, old.declared, old.types);
  const { state, used, losses, shelf, parsedAt, parameters, columns } = old;
  Object.assign(fresh, { state, used, losses, shelf, parsedAt, parameters, columns });
  describe(fresh);
  return fresh;
}

function keyOf(text: string, declared: readonly number[], types: OwnTypes | undefined): string {
  if (types !== undefined) return `${declared.join(",")};${types.id}\0${text}`;
  return declared.length === 0 ? text : `${declared.join(",")}\0${text}`;
}
