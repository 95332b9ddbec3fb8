/**
 * The extended query: Parse, Describe, Bind, Execute, Sync, in one flush.
 *
 * A text that was run before needs only Bind, Execute and Sync, and its rows are binary. A new text goes
 * in one flush as well. Its parameters and rows are text, because the types are not known yet. If the
 * text of a value depends on its type, the query waits for the description.
 * Source: manual, "Extended Query" in the protocol's message flow.
 */
import type { Writer } from "../bytes/writer.ts";
import { OperationalError, type ProtocolError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { beginBind, endBind, EXECUTE_ALL_AND_SYNC, flush, parse } from "../protocol/frontend.ts";
import { Backend } from "../protocol/tags.ts";
import type { Conversation, Message, Request } from "../session/exchange.ts";
import { Answer } from "./answer.ts";
import { mayCommit } from "./commits.ts";
import { KEPT, type TextEffects } from "./dependence.ts";
import { bindKnown, bindPlain, type Messages, TypesWanted } from "./bind.ts";
import type { Context } from "./context.ts";
import { describeStatement } from "./describe.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { expect, ParseDescribe } from "./parse_describe.ts";
import { arePlain, areTexts, checkParameters, explainedBy, writeParameters } from "./parameters.ts";
import { type Reading, readingOf } from "./parsers.ts";
import { checkRaw } from "./raw_parameters.ts";
import { ATTEMPTS, optionsAfter, recover } from "./recovery.ts";
import type { Rewritten } from "./rewritten.ts";
import type { Result } from "./result.ts";
import { type RowColumn, type RowDecoder, staleRow } from "./rows.ts";
import type { Statement } from "./statement.ts";

/** The request of one query. */
export class ExtendedQuery implements Request<Result> {
  readonly text: string;
  readonly values: readonly unknown[];
  options: ExecuteOptions;
  /** The caller's text, where it differs from what is sent. */
  rewritten: Rewritten | undefined;
  /** The batch that the query is a part of. Its statement was described before the batch is sent. */
  batch: object | undefined;
  /** Whether an earlier text of the batch may change the meaning of this one: no kept statement is used. */
  isAfterChange = false;
  /** The effects of the text on statements. */
  effects: TextEffects = KEPT;
  readonly #context: Context;
  #described: Statement | undefined;
  #statement!: Statement;
  #messages!: Messages;
  #parseDescribe: ParseDescribe | undefined;
  /** The columns as they were known when the rows were requested. */
  #columns!: readonly RowColumn[];
  #unknown!: readonly number[];
  #decode!: RowDecoder;
  #hasUnfitValue = false;
  /** How often the query was run again. */
  #attempt = 0;
  /** Whether rows were passed to the observer. */
  hasGiven = false;

  constructor(
    context: Context,
    text: string,
    values: readonly unknown[],
    options: ExecuteOptions,
  ) {
    context.checkText(text);
    this.#context = context;
    this.text = text;
    this.values = values;
    this.options = options;
  }

  /** Reports whether the query waits for a description. */
  flushes(): boolean {
    return this.batch === undefined && this.wantsDescription;
  }

  /** Whether values depend on types that are not known. */
  get wantsDescription(): boolean {
    const { options, values } = this;
    const { cache, exactness } = this.#context;
    if (this.#described !== undefined && cache.isCurrent(this.#described)) return false;
    if (this.#arePlain(values) && this.#mayReadText(exactness.ofText)) return false;
    const store = options.prepare === false ? undefined : options.store ?? cache;
    return store?.find(this.text, options.parameterTypes ?? NO_TYPES, options.types)?.state !==
      "ready";
  }

  /**
   * Keeps the description of the statement for a batch in which an earlier text may change its meaning:
   * the values cannot be written without types.
   */
  hold(): void {
    const { options, values } = this;
    if (this.#described !== undefined || this.#arePlain(values) || options.prepare === false) {
      return;
    }
    const store = options.store ?? this.#context.cache;
    this.#described = store.find(this.text, options.parameterTypes ?? NO_TYPES, options.types);
  }

  #useful(described: Statement): Statement | undefined {
    if (this.isAfterChange) return this.#arePlain(this.values) ? undefined : described;
    return this.#context.cache.isCurrent(described) ? described : undefined;
  }

  /** Reports whether the values can be written before their types are known. */
  #arePlain(values: readonly unknown[]): boolean {
    if (this.options.rawParameters === true) return true;
    const types = this.options.types?.registry ?? this.#context.types.registry;
    if (!types.encodesPrimitives) return arePlain(values);
    return areTexts(values, types.encodesStrings);
  }

  /** Reports whether results may come as text. Parsers are given the text that the settings make. */
  #mayReadText(isExact: boolean): boolean {
    return isExact || this.options.parsers !== undefined;
  }

  /** @throws {TypesWanted} types are not loaded, or a value's encoding depends on the catalogue. */
  #wantTypes(statement: Statement, values: readonly unknown[]): void {
    const unknown = statement.parameters
      .filter(({ codec }, i) => codec === undefined && !this.#arePlain([values[i]]));
    const oids = [...this.#context.types.notLoaded(statement), ...unknown.map(({ oid }) => oid)];
    if (oids.length > 0) throw new TypesWanted(statement, oids);
  }

  /** Describes the statement ahead of all that waits. The next run uses that description. */
  async describe(): Promise<void> {
    const how = own<ExecuteOptions>(this.options, { ahead: true });
    this.#described = await describeStatement(this.#context, this.text, how);
  }

  write(out: Writer): boolean {
    return this.append(out, EXECUTE_ALL_AND_SYNC);
  }

  /** Appends all messages, `end` last. Returns `true` if that is only Parse, Describe, Flush. */
  append(out: Writer, end: Uint8Array): boolean {
    const { options, values, isAfterChange } = this;
    const { cache } = this.#context;
    if (options.rawParameters === true) checkRaw(values);
    else checkParameters(values);
    if (this.hasGiven) throw new OperationalError("hit by another's cancel", { code: "57014" });
    const declared = options.parameterTypes ?? NO_TYPES;
    const isKept = options.prepare !== false && !isAfterChange;
    const store = isKept ? options.store ?? cache : undefined;
    if (this.#described !== undefined) this.#described = this.#useful(this.#described);
    const known = this.#described ?? store?.find(this.text, declared, options.types);
    this.#parseDescribe = undefined;
    this.#hasUnfitValue = false;
    if (known?.state === "ready" && known.name !== "" && !isAfterChange) {
      this.#messages = "Bind";
      if (known.hasUnknownParameters) this.#wantTypes(known, values);
      this.#bind(out, known, end);
      return false;
    }
    this.effects = cache.sending(this.text, options.lock);
    if (this.#described !== undefined && isAfterChange) {
      this.#describeAndBind(out, this.#described, end);
      return false;
    }
    if (this.#described !== undefined) {
      this.#messages = "Parse, Bind";
      parse(out, "", this.text, this.#described.parameters.map(({ oid }) => oid));
      this.#bind(out, this.#described, end);
      return false;
    }
    return this.#appendNew(out, end, known, known === undefined ? store : undefined, declared);
  }

  talk(): Conversation<Result> {
    return this.#parseDescribe !== undefined || this.#messages === "Parse, Bind"
      ? this.#behindParse()
      : new Answer(this, this.#context);
  }

  /** The columns that the rows were decoded by, if types of some of them are not known. */
  get incomplete(): readonly RowColumn[] | undefined {
    return this.#unknown.length > 0 ? this.#columns : undefined;
  }

  /** The statement that the query was bound to. */
  get statement(): Statement {
    return this.#statement;
  }

  /** Whether a value did not fit the types of the kept statement, so that nothing was sent. */
  get hasUnfitValue(): boolean {
    return this.#hasUnfitValue;
  }

  /** Whether an earlier request had parsed the statement. */
  get isKept(): boolean {
    return this.#messages === "Bind";
  }

  /** Whether the statement was parsed for another query, and that Parse was refused. */
  get sharedParseFailed(): boolean {
    return this.#messages === "Bind to a shared Parse" && this.#statement.state === "failed";
  }

  /**
   * Returns the error that the codecs have for the values, where the server has refused one that was
   * sent as text before its type was known. The server does not say which parameter it was, and the
   * error of the first run must be that of the next. `error` itself is returned for all other failures.
   */
  explained(error: unknown): unknown {
    const wentAsText = this.#messages === "Parse, Describe, Bind" ||
      this.#messages === "Bind to a shared Parse";
    const isDescribed = this.#statement?.state === "ready";
    if (!wentAsText || !isDescribed || this.options.rawParameters === true) return error;
    return explainedBy(error, this.values, this.#statement.parameters);
  }

  tolerates(violation: ProtocolError): Error | undefined {
    return staleRow(violation, this.isKept || this.#messages === "Parse, Bind");
  }

  mayHaveCommitted(status: TransactionStatus): boolean {
    return status === "idle" && mayCommit(this.text, this.#context.escapesInStrings);
  }

  /** After a shared Parse has failed, the next run has no name, so that it depends on no other query. */
  recover(error: unknown, status: TransactionStatus | undefined): boolean | Promise<boolean> {
    if (this.sharedParseFailed) this.#statement.sharers--;
    if (this.#attempt === ATTEMPTS) return false;
    const recovery = recover(this.#context, this, error, status);
    if (recovery === false || this.hasGiven) return false;
    this.prepareAttempt(this.sharedParseFailed ? ATTEMPTS : this.#attempt);
    this.#attempt++;
    return recovery;
  }

  /** Chooses how the query is run after the failed attempt of this number. */
  prepareAttempt(attempt: number): void {
    this.options = optionsAfter(this.options, attempt);
    this.#described = undefined;
  }

  /** Stops the query, which then fails with `reason`, unless it is done. */
  cancel(reason: unknown): void {
    this.#context.session.cancel(this, reason);
  }

  /** Takes back what was noted of a query that was not sent, or that the server has skipped. */
  abandon(): void {
    this.#parseDescribe?.abandon();
  }

  #appendNew(
    out: Writer,
    end: Uint8Array,
    unconfirmed: Statement | undefined,
    store: ExecuteOptions["store"],
    declared: readonly number[],
  ): boolean {
    const { exactness, session } = this.#context;
    exactness.noteText(this.text);
    const plain = this.batch !== undefined ||
      (this.#arePlain(this.values) && this.#mayReadText(exactness.ofText));
    if (unconfirmed !== undefined && plain && this.#mayShare(unconfirmed)) {
      this.#messages = "Bind to a shared Parse";
      if (this.batch === undefined) unconfirmed.sharers++;
      this.#bindPlain(out, unconfirmed, end);
      return false;
    }
    const { types } = this.options;
    const parseDescribe = new ParseDescribe(out, this.#context, store, this.text, declared, types);
    this.#parseDescribe = parseDescribe;
    this.#statement = parseDescribe.statement;
    const isCertain = session.sent === 0 && session.transactionStatus !== "failed";
    this.#statement.sharedWith = this.batch ?? isCertain;
    this.#messages = plain ? "Parse, Describe, Bind" : "Parse, Describe, Flush";
    if (plain) this.#bindPlain(out, parseDescribe.statement, end);
    else flush(out);
    return !plain;
  }

  /** A query that shares a refused Parse is run again, behind all that is on the wire by then. */
  #mayShare({ sharedWith }: Statement): boolean {
    return sharedWith === true || (sharedWith !== false && sharedWith === this.batch);
  }

  #bind(out: Writer, statement: Statement, end: Uint8Array): void {
    const { options } = this;
    this.#statement = statement;
    const reading = this.#reading();
    this.#decode = reading.decoder(options.rows ?? "object");
    const name = this.#messages === "Parse, Bind" ? "" : statement.name;
    try {
      bindKnown(out, "", name, statement, this.values, reading, options);
    } catch (error) {
      this.#hasUnfitValue = this.#messages === "Bind";
      throw error;
    }
    out.bytes(end);
  }

  /** Binds behind a change in the same batch. Only the parameters' types are those described before. */
  #describeAndBind(out: Writer, { parameters }: Statement, end: Uint8Array): void {
    const oids = parameters.map(({ oid }) => oid);
    const { types } = this.options;
    const parseDescribe = new ParseDescribe(out, this.#context, undefined, this.text, oids, types);
    this.#parseDescribe = parseDescribe;
    this.#statement = parseDescribe.statement;
    this.#messages = "Parse, Describe, Bind";
    const at = beginBind(out, "", "");
    writeParameters(out, this.values, parameters);
    endBind(out, at, ALL_TEXT);
    out.bytes(end);
  }

  #bindPlain(out: Writer, statement: Statement, end: Uint8Array): void {
    this.#statement = statement;
    bindPlain(out, statement.name, this.values, this.options);
    out.bytes(end);
  }

  *#behindParse(): Conversation<Result> {
    if (this.#messages === "Parse, Bind") expect(yield, Backend.ParseComplete);
    else if (this.#messages === "Parse, Describe, Flush") yield* this.#askFirst();
    else yield* this.#parseDescribe!.replies();
    return yield* new Answer(this, this.#context, this.#context.types.loadFor(this.#statement));
  }

  /** Reads the description and sends the rest. The request must send a Sync even if it fails. */
  *#askFirst(): Generator<undefined, void, Message> {
    const { session } = this.#context;
    try {
      yield* this.#parseDescribe!.replies();
      this.#wantTypes(this.#statement, this.values);
      session.append((out) => this.#bind(out, this.#statement, EXECUTE_ALL_AND_SYNC));
    } catch (error) {
      session.sync();
      throw error;
    }
  }

  /** Returns how the result of the statement is read, and notes its columns. */
  #reading(): Reading {
    const reading = readingOf(this.#statement, this.options, this.#context.exactness.ofText);
    this.#columns = reading.binaryColumns;
    this.#unknown = reading.unknown;
    return reading;
  }

  /** Returns the decoder of the rows. A query that was sent as text is described when they come. */
  decoder(): RowDecoder {
    if (this.#messages !== "Bind to a shared Parse" && this.#messages !== "Parse, Describe, Bind") {
      return this.#decode;
    }
    return this.#reading().textDecoder(this.options.rows ?? "object");
  }
}

const NO_TYPES: readonly number[] = Object.freeze([]);
const ALL_TEXT: readonly number[] = Object.freeze([]);
