/**
 * The extended query: Parse, Describe, Bind, Execute, Sync, in one flush.
 *
 * A text seen before needs only Bind, Execute and Sync, and answers in binary. A new one goes in one
 * flush as well, with its parameters and its results as text, because nobody knows the types yet;
 * when the text of a value would depend on its type, the description is waited for first.
 * Source: manual, "Extended Query" in the protocol's message flow.
 */
import type { Writer } from "../bytes/writer.ts";
import { DatabaseError, InterfaceError, ProtocolError } from "../errors/errors.ts";
import {
  type ColumnDescription,
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
import type { CustomCodec } from "../types/custom.ts";
import type { TypeRegistry } from "../types/registry.ts";
import { Catalog } from "./catalog.ts";
import { withCallSite } from "./call_site.ts";
import { endCopy, refuseCopy } from "./copy_guard.ts";
import { arePlain, checkParameters, writeParameters, writePlain } from "./parameters.ts";
import { Result } from "./result.ts";
import { decodeLate, rowColumns, type RowDecoder, type RowShape } from "./rows.ts";
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
  readonly types: TypeRegistry;
  readonly #catalog: Catalog;
  readonly codecOf = (oid: number): Codec | undefined => this.types.lookup(oid);

  constructor(session: Session, types: TypeRegistry, statementCacheSize: number) {
    this.session = session;
    this.types = types;
    this.#catalog = new Catalog(types);
    this.cache = new StatementCache(
      statementCacheSize,
      crypto.getRandomValues(new Uint8Array(8)),
    );
  }

  /**
   * Runs one statement and collects its rows. `site` is where the caller's stack was taken, for
   * errors; this is the only async function between the caller and the session.
   */
  async execute(
    text: string,
    values: readonly unknown[],
    options: ExecuteOptions,
    site?: Error,
  ): Promise<Result> {
    try {
      checkParameters(values);
      const execution = new Execution(this, text, values, options);
      let result: Result;
      try {
        result = await this.session.request(execution, options);
      } catch (error) {
        result = await this.#retry(execution, error, () => this.execute(text, values, options));
      }
      const { unknown } = execution;
      return unknown === undefined ? result : await this.#complete(result, unknown);
    } catch (error) {
      throw withCallSite(error, site);
    }
  }

  /** What failed for a reason of the driver's own is run again; everything else is the caller's. */
  async #retry(
    execution: Execution,
    error: unknown,
    again: () => Promise<Result>,
  ): Promise<Result> {
    if (error instanceof TypesWanted && await this.#catalog.learn(this, error.oids)) {
      this.describeAgain(error.statement);
      return await again();
    }
    if (!execution.lostItsStatement(error)) throw error;
    return await this.session.request(execution.unprepared(), execution.options);
  }

  /** Asks the catalogue for types met for the first time, and decodes what had to stay text. */
  async #complete(result: Result, statement: Statement): Promise<Result> {
    const before = statement.binaryColumns;
    if (!await this.#catalog.learn(this, statement.unknown)) return result;
    this.describeAgain(statement);
    decodeLate(result, before, statement.binaryColumns);
    return result;
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
  describeParameters(statement: Statement, oids: readonly number[]): void {
    statement.parameters = oids.map((oid) => ({ oid, codec: this.codecOf(oid) }));
  }

  /** Fills in the columns; binary wherever the codec reads it. */
  describeColumns(statement: Statement, columns: readonly ColumnDescription[]): void {
    const formats = columns.map(({ typeOid }) =>
      this.codecOf(typeOid)?.decodeBinary === undefined ? 0 : 1
    );
    const described = rowColumns(columns, formats, this.codecOf);
    statement.describe(columns, described);
  }

  /** Adds a codec, from the next query on; also for statements that are prepared already. */
  register(codec: Codec | CustomCodec): void {
    this.types.register(codec);
    this.cache.renew((statement) => this.describeAgain(statement));
  }

  /** The same with what the catalogue has taught since. */
  describeAgain(statement: Statement): void {
    this.describeParameters(statement, statement.parameters.map(({ oid }) => oid));
    this.describeColumns(statement, statement.columns);
  }
}

/** The parameters cannot be encoded before the catalogue was asked for these types. */
class TypesWanted extends InterfaceError {
  readonly statement: Statement;
  readonly oids: readonly number[];

  constructor(statement: Statement, oids: readonly number[]) {
    super("the parameters' types are not known");
    this.statement = statement;
    this.oids = oids;
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
  readonly options: ExecuteOptions;
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
    this.options = options;
  }

  write(out: Writer): boolean {
    const { cache } = this.#executor;
    const declared = this.options.parameterTypes ?? NO_TYPES;
    const prepare = this.options.prepare !== false;
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

  talk(): Conversation<Result> {
    const introduced = this.#way === "ask" || this.#way === "parse";
    return introduced ? this.#introduction() : this.#rows();
  }

  /** The statement, when its result has columns of types that nobody knows yet. */
  get unknown(): Statement | undefined {
    const statement = this.#statement;
    return statement.unknown.length > 0 ? statement : undefined;
  }

  /** The same query under no name. */
  unprepared(): Execution {
    const options = { ...this.options, prepare: false };
    return new Execution(this.#executor, this.#text, this.#values, options);
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

  *#introduction(): Conversation<Result> {
    yield* this.#way === "ask" ? this.#askFirst() : this.#parsed();
    return yield* this.#rows();
  }

  /** Parse and Describe, under a name when there is room for one. */
  #introduce(out: Writer, named: boolean, declared: readonly number[]): void {
    refuseCopy(this.#text);
    const entry = named ? this.#executor.cache.add(this.#text, declared) : undefined;
    this.#statement = entry?.added ?? new Statement("", this.#text, declared);
    this.#closes = entry?.evicted !== undefined;
    if (entry?.evicted !== undefined) close(out, Kind.Statement, entry.evicted.name);
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
      if (this.#closes) expect(yield, Backend.CloseComplete);
      expect(yield, Backend.ParseComplete);
      let message = yield;
      if (message.tag !== Backend.ParameterDescription) {
        throw unexpected(message, Backend.ParameterDescription);
      }
      executor.describeParameters(statement, readParameterDescription(message.reader));
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
      this.#wantTypes();
      session.append((out) => this.#bind(out));
    } catch (error) {
      session.sync();
      throw error;
    }
  }

  #wantTypes(): void {
    const statement = this.#statement;
    const unknown = statement.parameters.filter(({ codec }, i) =>
      codec === undefined && !arePlain([this.#values[i]])
    );
    if (unknown.length > 0) throw new TypesWanted(statement, unknown.map(({ oid }) => oid));
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
    const shape = this.options.rows ?? "object";
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
