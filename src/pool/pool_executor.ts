import { NotSupportedError, OperationalError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import * as ownSql from "../own_sql.ts";
import { quoteLiteral } from "../query/quote.ts";
import { Executor } from "../query/executor.ts";
import type { StatementLimits } from "../query/statement_cache.ts";
import type { RequestOptions } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import type { Tracing } from "../trace.ts";
import type { TypeRegistry } from "../types/registry.ts";
import { ExtendedQuery } from "../query/extended_query.ts";
import type { LatePlainReads } from "./late_plain_reads.ts";
import { OwnQuery, type TextRows } from "./own_query.ts";
import { CHANGE_NAMES, type StateChange, StateChanges, type TextEffects } from "./session_state.ts";

/** The rules that all executors of a pool follow. */
export interface PoolRules {
  /** The effects of the texts that the pool runs. */
  readonly effects: TextEffects;
  /** Whether texts that change the session are refused: the pooler is in transaction mode. */
  readonly forbids: boolean;
  /** Whether a session is cleaned after every use, because functions may have changed it. */
  readonly cleans: boolean;
  /** How often a borrower has changed objects that other connections use. */
  objectChanges: number;
  /** The reads after which no session needs a cleaning. */
  readonly reads: LatePlainReads;
}

/**
 * Runs the queries of a pool's connection and records what they change in the session.
 *
 * A text shows what it changes itself, but not what the functions, triggers and policies do that it
 * calls. So a session that has run anything but plain reads ({@linkcode LatePlainReads}) is cleaned before
 * its next borrower uses it. That costs no round trip: the cleaning travels in front of the next borrower's first request, in the same write,
 * or by itself when the session stays idle.
 */
export class PoolExecutor extends Executor {
  readonly changes: StateChanges = new StateChanges();
  /** Queries of the pool's own that are not answered yet. */
  ownPending = 0;
  readonly #rules: PoolRules;
  /** The changes of objects, its own included, that the kept statements take into account. */
  #knownChanges: number;
  /** Whether the borrower has changed objects, and whether it has made temporary ones. */
  #hasChanged = false;
  #hasTemporary = false;
  /** Whether anything was run since the session was last cleaned. */
  #isUsed = false;
  /** Whether the session must be cleaned before the next request. */
  #isDue = false;
  #cleaning: string;
  /** The texts of `onConnect`, while that runs. */
  #texts: string[] | undefined;

  /** `startup` has the parameters that the connection was opened with. */
  constructor(
    session: Session,
    types: TypeRegistry,
    statements: StatementLimits,
    trace: Tracing,
    rules: PoolRules,
    startup: Readonly<Record<string, string>>,
  ) {
    super(session, types, statements, trace, {
      checkText: (text) => this.#checkText(text),
      completed: (tag) => this.#completed(tag),
    });
    this.#rules = rules;
    this.#knownChanges = rules.objectChanges;
    this.#cleaning = cleaningOf(reportedOf(session, startup));
    if (!rules.cleans) return;
    session.before = (request) => {
      if (request.isFinal === true) return;
      if (this.#isDue) this.clean();
      this.#isUsed ||= !(request instanceof ExtendedQuery &&
        rules.reads.isPlain(request.text, this));
    };
  }

  /** Whether the session is idle, so that a query of the pool's own disturbs no transaction. */
  get isFree(): boolean {
    const { lock, pending, transactionStatus } = this.session;
    return lock === undefined && pending <= this.ownPending && transactionStatus === "idle";
  }

  #checkText(text: string): void {
    const { effects, forbids } = this.#rules;
    const { changes } = effects.of(text);
    this.#texts?.push(text);
    if (changes.length > 0) {
      if (forbids) throw refusal(changes[0]!);
      this.changes.add(changes);
      this.#hasTemporary ||= changes.includes("temporary");
    }
  }

  #completed(tag: string): void {
    this.#hasChanged ||= OBJECTS.test(tag);
    const change = TAGS.get(tag);
    if (change !== undefined) this.changes.add([change]);
  }

  /** Whether sessions are cleaned whatever their texts show. */
  get cleans(): boolean {
    return this.#rules.cleans;
  }

  /** Whether the session must be cleaned for its next borrower. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /**
   * Starts the use by another borrower: the first request will be preceded by a cleaning, if one is
   * due.
   */
  handOver(): void {
    this.#isDue = this.isUsed;
    const { objectChanges } = this.#rules;
    if (objectChanges === this.#knownChanges) return;
    this.#knownChanges = objectChanges;
    this.cache.objectsChanged();
  }

  /**
   * Ends the use by a borrower: if it has changed tables or types, the other connections of the pool
   * parse their statements again. Temporary objects concern only this connection.
   */
  givenBack(): void {
    if (this.#hasChanged && !this.#hasTemporary) {
      const isKnown = this.#rules.objectChanges === this.#knownChanges;
      this.#rules.objectChanges++;
      this.#rules.reads.forget();
      if (isKnown) this.#knownChanges++;
    }
    this.#hasChanged = this.#hasTemporary = false;
  }

  /**
   * Sends a cleaning. If it fails, the session ends, and nothing that was sent behind it has run.
   */
  clean(): void {
    this.cleaned();
    // A transaction that is about to begin has the session's turn already.
    const options = this.session.lock === undefined ? undefined : { ahead: true };
    const failed = (error: unknown): void => void this.session.wire.fail(uncleaned(error));
    this.cache.resetting();
    this.#ask(new OwnQuery(this.#cleaning, failed), options).catch(failed);
  }

  /** Records that the session is clean. */
  cleaned(): void {
    this.#isUsed = this.#isDue = false;
  }

  /** Returns the text that cleans the session. */
  get cleaning(): string {
    return this.#cleaning;
  }

  /** Starts to record the texts that `onConnect` runs. */
  record(): void {
    this.#texts = [];
  }

  /** Ends the record, and returns its texts. */
  recorded(): readonly string[] {
    const texts = this.#texts ?? [];
    this.#texts = undefined;
    return texts;
  }

  /** Makes each later cleaning restore these settings. */
  restore(settings: readonly Setting[]): void {
    this.cache.begin();
    this.#cleaning = cleaningOf(settings);
  }

  /** Runs a query of the pool's own. */
  ownQuery(text: string): Promise<TextRows> {
    return this.#ask(new OwnQuery(text));
  }

  #ask(query: OwnQuery, options?: RequestOptions): Promise<TextRows> {
    this.ownPending++;
    return this.session.request(query, options).finally(() => this.ownPending--);
  }
}

/** A setting's name and value. */
type Setting = readonly [name: string, value: string];

function cleaningOf(settings: readonly Setting[]): string {
  return ownSql.cleaning(
    settings.map(([name, value]) => [quoteLiteral(name), quoteLiteral(value)]),
  );
}

/**
 * The parameters of the startup message that the server reports. RESET ALL restores them, unless a
 * pooler in session mode has set them on a server connection that was opened without.
 */
function reportedOf(session: Session, startup: Readonly<Record<string, string>>): Setting[] {
  const { options = "", ...parameters } = own(startup);
  const names = `${Object.keys(parameters).join(" ")} ${options}`.toLowerCase().match(/\w+/g) ?? [];
  const given = new Set(names);
  return [...session.parameterStatuses].filter(([name]) => given.has(name.toLowerCase()));
}

function uncleaned(cause: unknown): OperationalError {
  const message =
    'connection closed: changes of its last borrower could not be undone (option reset: "auto")';
  return new OperationalError(message, { code: "08006", cause, safeToRetry: true });
}

/** The tags of commands that can change what other connections have parsed. */
const OBJECTS = /^(?:ALTER|CREATE|DROP|GRANT|REVOKE)(?! (?:INDEX|DATABASE|ROLE|SYSTEM))/;

/** The tags of commands that change the session, however they were run. */
const TAGS: ReadonlyMap<string, StateChange> = new Map([
  ["LISTEN", "listeners"],
  ["PREPARE", "statements"],
]);

/** Returns the error for a text that a pool behind a transaction-mode pooler refuses. */
export function refusal(change: StateChange): NotSupportedError {
  const [name, instead] = CHANGE_NAMES[change];
  return new NotSupportedError(
    `${name} needs a session of its own, which a pooler in transaction mode does not give ` +
      `(pooler: "transaction"); use ${instead} instead`,
  );
}
