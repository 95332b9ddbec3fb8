/**
 * The extended query: Parse, Describe, Bind, Execute, Sync, in one flush.
 *
 * A text seen before needs only Bind, Execute and Sync, and answers in binary. A new one goes in one
 * flush as well, with its parameters and its results as text, because nobody knows the types yet;
 * when the text of a value would depend on its type, the description is waited for first.
 * Source: manual, "Extended Query" in the protocol's message flow.
 */
import type { Writer } from "../bytes/writer.ts";
import { DatabaseError, ProtocolError } from "../errors/errors.ts";
import {
  readCommandTag,
  readParameterDescription,
  readRowDescription,
} from "../protocol/backend.ts";
import {
  beginBind,
  close,
  describe,
  endBind,
  EXECUTE_ALL_AND_SYNC,
  flush,
  parse,
} from "../protocol/frontend.ts";
import { Backend, backendName, Kind } from "../protocol/tags.ts";
import type { Conversation, Message, Request, Signal } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import type { Codec } from "../types/codec.ts";
import { endCopy, refuseCopy } from "./copy_guard.ts";
import { arePlain, checkParameters, writeParameters, writePlain } from "./parameters.ts";
import { Result } from "./result.ts";
import { rowColumns, type RowDecoder, type RowShape } from "./rows.ts";
import { Statement, StatementCache } from "./statement.ts";

/** How one query is to be run. */
export interface ExecuteOptions {
  /** Rows as objects by column name (the default) or as arrays. */
  readonly rows?: RowShape;
  /** `false`: not kept as a prepared statement. */
  readonly prepare?: boolean;
  /** OIDs of the parameters' types, where the server's own choice is not wanted; 0 leaves it. */
  readonly parameterTypes?: readonly number[];
  /** Aborts the query: at once while it is not sent. */
  readonly signal?: Signal;
  /** Seconds before it is cancelled; 0: no limit. */
  readonly timeout?: number;
}

/** Runs queries on one session: its statements, and the codecs for their values. */
export class Executor {
  readonly session: Session;
  readonly cache: StatementCache;
  readonly codecOf: (oid: number) => Codec | undefined;

  constructor(
    session: Session,
    codecOf: (oid: number) => Codec | undefined,
    statementCacheSize: number,
  ) {
    this.session = session;
    this.codecOf = codecOf;
    this.cache = new StatementCache(
      statementCacheSize,
      crypto.getRandomValues(new Uint8Array(8)),
    );
  }

  /** Runs one statement and collects its rows. */
  async execute(
    text: string,
    values: readonly unknown[],
    options: ExecuteOptions,
  ): Promise<Result> {
    checkParameters(values);
    const execution = new Execution(this, text, values, options);
    try {
      return await this.session.request(execution, options);
    } catch (error) {
      if (!execution.lostItsStatement(error)) throw error;
      const again = new Execution(this, text, values, { ...options, prepare: false });
      return await this.session.request(again, options);
    }
  }

  /**
   * Whether results may come as text. In a DateStyle other than ISO a date is ambiguous, and before
   * PostgreSQL 12 the text of a float was not exact.
   */
  get textIsExact(): boolean {
    const statuses = this.session.parameterStatuses;
    const dateStyle = statuses.get("DateStyle");
    if (dateStyle !== undefined && !dateStyle.startsWith("ISO")) return false;
    return !(Number.parseInt(statuses.get("server_version") ?? "12") < 12);
  }

  /** Fills in what the server says of a statement. */
  describeStatement(statement: Statement, oids: readonly number[]): void {
    statement.parameters = oids.map((oid) => ({ oid, codec: this.codecOf(oid) }));
  }

  /** Fills in the columns; binary wherever the codec reads it. */
  describeColumns(statement: Statement, columns: Statement["columns"]): void {
    statement.columns = columns;
    const formats = columns.map(({ typeOid }) =>
      this.codecOf(typeOid)?.decodeBinary === undefined ? 0 : 1
    );
    statement.binaryColumns = rowColumns(columns, formats, this.codecOf);
    statement.resultFormats = formats.every((format) => format === 0) ? [] : formats;
  }
}

/** Which messages go out, and so which come back. */
type Way =
  /** The statement is known: Bind. */
  | "bind"
  /** It is on its way: Bind to it, as text. */
  | "join"
  /** It is new: Parse, Describe, Bind, as text. */
  | "parse"
  /** It is new and its values depend on its types: Parse, Describe, wait, Bind. */
  | "ask";

/** One query on its way; made anew for each. */
class Execution implements Request<Result> {
  readonly #executor: Executor;
  readonly #text: string;
  readonly #values: readonly unknown[];
  readonly #options: ExecuteOptions;
  readonly #result: Result = new Result();
  #statement!: Statement;
  #way!: Way;
  #closes = false;

  constructor(
    executor: Executor,
    text: string,
    values: readonly unknown[],
    options: ExecuteOptions,
  ) {
    this.#executor = executor;
    this.#text = text;
    this.#values = values;
    this.#options = options;
  }

  write(out: Writer): boolean {
    const { cache } = this.#executor;
    const declared = this.#options.parameterTypes ?? NO_TYPES;
    const prepare = this.#options.prepare !== false;
    const known = prepare ? cache.find(this.#text, declared) : undefined;
    if (known?.state === "ready") {
      this.#use(known, "bind");
      this.#bind(out);
      return false;
    }
    const plain = arePlain(this.#values) && this.#executor.textIsExact;
    if (known !== undefined && plain) {
      this.#use(known, "join");
      this.#bindPlain(out);
      return false;
    }
    this.#introduce(out, prepare && known === undefined, declared);
    if (plain) {
      this.#way = "parse";
      this.#bindPlain(out);
      return false;
    }
    this.#way = "ask";
    flush(out);
    return true;
  }

  *talk(): Conversation<Result> {
    if (this.#closes) expect(yield, Backend.CloseComplete);
    if (this.#way === "ask") yield* this.#askFirst();
    else if (this.#way === "parse") yield* this.#parsed();
    expect(yield, Backend.BindComplete);
    return yield* this.#rows();
  }

  /** This query bound to a statement whose Parse, sent by another query, then failed. */
  lostItsStatement(error: unknown): boolean {
    return this.#way === "join" && this.#statement.state === "failed" &&
      error instanceof DatabaseError && error.code === "26000";
  }

  #use(statement: Statement, way: Way): void {
    this.#statement = statement;
    this.#way = way;
  }

  /** Parse and Describe, under a name when there is room for one. */
  #introduce(out: Writer, named: boolean, declared: readonly number[]): void {
    refuseCopy(this.#text);
    const entry = named ? this.#executor.cache.add(this.#text, declared) : undefined;
    this.#statement = entry?.added ?? new Statement("", this.#text, declared);
    if (entry?.evicted !== undefined) {
      close(out, Kind.Statement, entry.evicted.name);
      this.#closes = true;
    }
    try {
      parse(out, this.#statement.name, this.#text, declared);
    } catch (error) {
      this.#executor.cache.forget(this.#statement);
      throw error;
    }
    describe(out, Kind.Statement, this.#statement.name);
  }

  #bind(out: Writer): void {
    const statement = this.#statement;
    const at = beginBind(out, "", statement.name);
    writeParameters(out, this.#values, statement.parameters);
    endBind(out, at, statement.resultFormats);
    out.bytes(EXECUTE_ALL_AND_SYNC);
  }

  #bindPlain(out: Writer): void {
    const at = beginBind(out, "", this.#statement.name);
    writePlain(out, this.#values);
    endBind(out, at, ALL_TEXT);
    out.bytes(EXECUTE_ALL_AND_SYNC);
  }

  *#parsed(): Generator<undefined, void, Message> {
    const statement = this.#statement;
    const executor = this.#executor;
    try {
      expect(yield, Backend.ParseComplete);
      let message = yield;
      if (message.tag !== Backend.ParameterDescription) {
        throw unexpected(message, Backend.ParameterDescription);
      }
      executor.describeStatement(statement, readParameterDescription(message.reader));
      message = yield;
      if (message.tag === Backend.RowDescription) {
        executor.describeColumns(statement, readRowDescription(message.reader));
      } else expect(message, Backend.NoData);
      statement.state = "ready";
    } finally {
      if (statement.state !== "ready") executor.cache.forget(statement);
    }
  }

  /** Nothing was sent behind us: whatever happens, the Sync is ours to send. */
  *#askFirst(): Generator<undefined, void, Message> {
    const { session } = this.#executor;
    try {
      yield* this.#parsed();
      session.append((out) => this.#bind(out));
    } catch (error) {
      session.sync();
      throw error;
    }
  }

  *#rows(): Conversation<Result> {
    const result = this.#result;
    result.length = 0;
    const decode = this.#decoder();
    const message = yield (reader) => {
      result.push(decode(reader) as Record<string, unknown>);
    };
    switch (message.tag) {
      case Backend.CommandComplete:
        Result.describe(result, this.#statement.columns, readCommandTag(message.reader));
        return result;
      case Backend.EmptyQueryResponse:
        return result;
      case Backend.CopyInResponse:
      case Backend.CopyOutResponse:
      case Backend.CopyBothResponse:
        throw endCopy(this.#executor.session, message.tag, "extended");
      default:
        throw unexpected(message);
    }
  }

  #decoder(): RowDecoder {
    const shape = this.#options.rows ?? "object";
    const binary = this.#way === "bind" || this.#way === "ask";
    return binary ? this.#statement.decoder(shape) : this.#statement.textDecoder(shape);
  }
}

const NO_TYPES: readonly number[] = Object.freeze([]);
const ALL_TEXT: readonly number[] = Object.freeze([]);

function expect(message: Message, tag: number): void {
  if (message.tag !== tag) throw unexpected(message, tag);
  message.reader.finish();
}

function unexpected({ tag }: Message, wanted?: number): ProtocolError {
  const due = wanted === undefined ? "the end of a result" : backendName(wanted);
  return new ProtocolError(`${backendName(tag)} where ${due} was due`);
}
