/**
 * The extended query: Parse, Describe, Bind, Execute, Sync, in one flush.
 *
 * A text seen before needs only Bind, Execute and Sync, and answers in binary. A new one goes in one
 * flush as well, with its parameters and its results as text, because nobody knows the types yet;
 * when the text of a value would depend on its type, the description is waited for first.
 * Source: manual, "Extended Query" in the protocol's message flow.
 */
import type { Writer } from "../bytes/writer.ts";
import { DatabaseError, DataError, ProtocolError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import { readCommandTag, type TransactionStatus } from "../protocol/backend.ts";
import { beginBind, endBind, EXECUTE_ALL_AND_SYNC, flush, parse } from "../protocol/frontend.ts";
import { Backend } from "../protocol/tags.ts";
import type { Conversation, Message, Request } from "../session/exchange.ts";
import { mayCommit } from "./commits.ts";
import { endCopy } from "./copy_guard.ts";
import { KEPT, type TextEffects } from "./dependence.ts";
import { bindKnown, TypesWanted } from "./bind.ts";
import type { Context } from "./context.ts";
import { describeStatement } from "./describe.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { expect, ParseDescribe, unexpected } from "./parse_describe.ts";
import {
  arePlain,
  areTexts,
  checkParameters,
  refusal,
  writeParameters,
  writePlain,
} from "./parameters.ts";
import { ATTEMPTS, optionsAfter, recover } from "./recovery.ts";
import type { Rewritten } from "./rewritten.ts";
import { Result } from "./result.ts";
import { type RowColumn, type RowDecoder, staleRow } from "./rows.ts";
import type { Statement } from "./statement.ts";

/** The messages of the first flush, which decide about the replies. */
type Messages =
  /** The statement is known. */
  | "Bind"
  /** Another query's Parse is on its way; values and results are text. */
  | "Bind to a shared Parse"
  /** The statement is new; values and results are text. */
  | "Parse, Describe, Bind"
  /** The statement is new, and its values depend on its types: Bind follows the description. */
  | "Parse, Describe, Flush"
  /** The statement is known and has no name. */
  | "Parse, Bind";

/** One query on its way; made anew for each. */
export class ExtendedQuery implements Request<Result> {
  readonly text: string;
  readonly values: readonly unknown[];
  options: ExecuteOptions;
  /** The caller's text, where it differs from what is sent. */
  rewritten: Rewritten | undefined;
  /**
   * The request that it is a part of, if it is. Then it cannot wait for a description, which was seen
   * to before.
   */
  whole: object | undefined;
  /** A text before it in the same request may change what its own means, so no kept statement is used. */
  isAfterChange = false;
  /** The effects of its text on statements. */
  effects: TextEffects = KEPT;
  readonly #context: Context;
  #described: Statement | undefined;
  readonly #result: Result = new Result();
  #statement!: Statement;
  #messages!: Messages;
  #parseDescribe: ParseDescribe | undefined;
  /** What the rows are decoded by, as it was when they were asked for. */
  #columns!: readonly RowColumn[];
  #unknown!: readonly number[];
  #decode!: RowDecoder;
  #hasUnfitValue = false;
  /** How often it has been mended. */
  #attempt = 0;

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

  /** Whether the description is to be waited for. */
  flushes(): boolean {
    return this.whole === undefined && this.wantsDescription;
  }

  /** Whether its values depend on types that nobody has been told. */
  get wantsDescription(): boolean {
    const { options, values } = this;
    const { cache, exactness } = this.#context;
    if (this.#described !== undefined && cache.isCurrent(this.#described)) return false;
    if (this.#arePlain(values) && exactness.ofText) return false;
    const store = options.prepare === false ? undefined : options.store ?? cache;
    return store?.find(this.text, options.parameterTypes ?? NO_TYPES, options.types)?.state !==
      "ready";
  }

  /**
   * Holds on to the statement that is ready, for a part of a request in which an earlier part may change
   * what the text means: its values cannot be written without the types.
   */
  hold(): void {
    const { options, values } = this;
    if (this.#described !== undefined || this.#arePlain(values) || options.prepare === false) {
      return;
    }
    const store = options.store ?? this.#context.cache;
    this.#described = store.find(this.text, options.parameterTypes ?? NO_TYPES, options.types);
  }

  /** Whether the values can be written before their types are known. */
  #arePlain(values: readonly unknown[]): boolean {
    const types = this.options.types?.registry ?? this.#context.types.registry;
    return types.encodesPrimitives ? areTexts(values) : arePlain(values);
  }

  /** @throws {TypesWanted} a value's encoding depends on what the catalogue says of its type. */
  #wantTypes(statement: Statement, values: readonly unknown[]): void {
    const unknown = statement.parameters
      .filter(({ codec }, i) => codec === undefined && !this.#arePlain([values[i]]));
    if (unknown.length > 0) throw new TypesWanted(statement, unknown.map(({ oid }) => oid));
  }

  /** Has it described ahead of all that waits; then it runs that statement, under no name if need be. */
  async describe(): Promise<void> {
    const how = own<ExecuteOptions>(this.options, { ahead: true });
    this.#described = await describeStatement(this.#context, this.text, how);
  }

  write(out: Writer): boolean {
    return this.append(out, EXECUTE_ALL_AND_SYNC);
  }

  /** Appends all messages, the last of them `end`; `true`: only Parse and Describe, as in {@linkcode Messages}. */
  append(out: Writer, end: Uint8Array): boolean {
    const { options, values, isAfterChange } = this;
    const { cache } = this.#context;
    checkParameters(values);
    const declared = options.parameterTypes ?? NO_TYPES;
    const isKept = options.prepare !== false && !isAfterChange;
    const store = isKept ? options.store ?? cache : undefined;
    if (this.#described !== undefined && !isAfterChange && !cache.isCurrent(this.#described)) {
      this.#described = undefined;
    }
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
      : this.#rows();
  }

  /** What its rows were decoded by, when there were types among them that nobody knows. */
  get incomplete(): readonly RowColumn[] | undefined {
    return this.#unknown.length > 0 ? this.#columns : undefined;
  }

  /** The statement that it was bound to. */
  get statement(): Statement {
    return this.#statement;
  }

  /** Its values did not fit the types that its statement was prepared with, and nothing was sent. */
  get hasUnfitValue(): boolean {
    return this.#hasUnfitValue;
  }

  /** It was bound to a statement that an earlier request had parsed. */
  get isKept(): boolean {
    return this.#messages === "Bind";
  }

  /** It relied on another query's Parse, which was refused. */
  get sharedParseFailed(): boolean {
    return this.#messages === "Bind to a shared Parse" && this.#statement.state === "failed";
  }

  /**
   * Parameters that went as text before their types were known are the server's to judge, and its
   * error does not say which one it was. What the types themselves say does, and is the same at the
   * first execution of a text as at the next.
   */
  explained(error: unknown): unknown {
    const isDescribed = this.#statement?.state === "ready";
    const wentAsText = isDescribed &&
      (this.#messages === "Parse, Describe, Bind" || this.#messages === "Bind to a shared Parse");
    const isTheirs = error instanceof DatabaseError && !(error instanceof ProtocolError);
    const isOfValues = error instanceof DataError || isTheirs && error.code === "08P01";
    if (!wentAsText || !isOfValues) return error;
    const ours = refusal(this.values, this.#statement.parameters);
    if (ours !== undefined) ours.cause = error;
    return ours ?? error;
  }

  tolerates(violation: ProtocolError): Error | undefined {
    return staleRow(violation, this.isKept || this.#messages === "Parse, Bind");
  }

  mayHaveCommitted(status: TransactionStatus): boolean {
    return status === "idle" && mayCommit(this.text, this.#context.escapesInStrings);
  }

  /** Run again as it is; what was let down by a twin relies on no other: it goes under no name. */
  recover(error: unknown, status: TransactionStatus | undefined): boolean | Promise<boolean> {
    if (this.#attempt === ATTEMPTS) return false;
    const recovery = recover(this.#context, this, error, status);
    if (recovery === false) return false;
    this.prepareAttempt(this.sharedParseFailed ? ATTEMPTS : this.#attempt);
    this.#attempt++;
    return recovery;
  }

  /** Runs it the way that is left after so many attempts. */
  prepareAttempt(attempt: number): void {
    this.options = optionsAfter(this.options, attempt);
    this.#described = undefined;
  }

  /** Stops it, which fails with `reason`; unless it is done. */
  cancel(reason: unknown): void {
    this.#context.session.cancel(this, reason);
  }

  /** It was not sent after all, or the server has skipped it. */
  abandon(): void {
    this.#parseDescribe?.abandon();
  }

  #appendNew(
    out: Writer,
    end: Uint8Array,
    coming: Statement | undefined,
    store: ExecuteOptions["store"],
    declared: readonly number[],
  ): boolean {
    const { exactness, session } = this.#context;
    exactness.noteText(this.text);
    const plain = this.whole !== undefined || (this.#arePlain(this.values) && exactness.ofText);
    if (coming !== undefined && plain && this.#mayJoin(coming)) {
      this.#messages = "Bind to a shared Parse";
      this.#bindPlain(out, coming, end);
      return false;
    }
    const { types } = this.options;
    const parseDescribe = new ParseDescribe(out, this.#context, store, this.text, declared, types);
    this.#parseDescribe = parseDescribe;
    this.#statement = parseDescribe.statement;
    const isCertain = session.sent === 0 && session.transactionStatus !== "failed";
    this.#statement.joinable = this.whole ?? isCertain;
    this.#messages = plain ? "Parse, Describe, Bind" : "Parse, Describe, Flush";
    if (plain) this.#bindPlain(out, parseDescribe.statement, end);
    else flush(out);
    return !plain;
  }

  /** What joins a statement that is refused has to be run again, behind all that is on the wire by then. */
  #mayJoin({ joinable }: Statement): boolean {
    return joinable === true || (joinable !== false && joinable === this.whole);
  }

  #bind(out: Writer, statement: Statement, end: Uint8Array): void {
    this.#statement = statement;
    this.#columns = statement.binaryColumns;
    this.#unknown = statement.unknown;
    this.#decode = statement.decoder(this.options.rows ?? "object");
    try {
      bindKnown(
        out,
        "",
        this.#messages === "Parse, Bind" ? "" : statement.name,
        statement,
        this.values,
      );
    } catch (error) {
      this.#hasUnfitValue = this.#messages === "Bind";
      throw error;
    }
    out.bytes(end);
  }

  /** Behind a change in the same request only the types of the parameters are what was described. */
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
    const at = beginBind(out, "", statement.name);
    writePlain(out, this.values);
    endBind(out, at, ALL_TEXT);
    out.bytes(end);
  }

  *#behindParse(): Conversation<Result> {
    if (this.#messages === "Parse, Bind") expect(yield, Backend.ParseComplete);
    else {yield* this.#messages === "Parse, Describe, Flush"
        ? this.#askFirst()
        : this.#parseDescribe!.replies();}
    return yield* this.#rows();
  }

  /** Nothing was sent behind us: whatever happens, the Sync is ours to send. */
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

  *#rows(): Conversation<Result> {
    expect(yield, Backend.BindComplete);
    const result = this.#result;
    result.length = 0;
    const decode = this.#decoder();
    const message = yield (reader) => {
      result.push(decode(reader) as Record<string, unknown>);
    };
    switch (message.tag) {
      case Backend.CommandComplete:
        return this.#complete(result, readCommandTag(message.reader));
      case Backend.EmptyQueryResponse:
        return result;
      case Backend.CopyInResponse:
      case Backend.CopyOutResponse:
      case Backend.CopyBothResponse:
        throw endCopy(this.#context.session, message.tag, "extended");
      default:
        throw unexpected(message);
    }
  }

  #complete(result: Result, tag: string): Result {
    const { columns } = this.#statement;
    if (columns.length === 0) this.#context.completed(tag);
    Result.describe(result, columns, tag);
    return result;
  }

  /** What is bound as text is described only now. */
  #decoder(): RowDecoder {
    if (this.#messages !== "Bind to a shared Parse" && this.#messages !== "Parse, Describe, Bind") {
      return this.#decode;
    }
    this.#columns = this.#statement.binaryColumns;
    this.#unknown = this.#statement.unknown;
    return this.#statement.textDecoder(this.options.rows ?? "object");
  }
}

const NO_TYPES: readonly number[] = Object.freeze([]);
const ALL_TEXT: readonly number[] = Object.freeze([]);
