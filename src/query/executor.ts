/**
 * Runs queries on a session: keeps its statements and codecs, asks the catalogue, and does again what
 * failed for a reason of the driver's own.
 */
import { DatabaseError, InterfaceError, StaleStatementError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { ColumnDescription, TransactionStatus } from "../protocol/backend.ts";
import * as ownSql from "../own_sql.ts";
import type { SessionLock } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import type { Codec } from "../types/codec.ts";
import { AlteredTypeError } from "../types/composite.ts";
import type { CustomCodec } from "../types/custom.ts";
import type { TypeRegistry, TypesOptions } from "../types/registry.ts";
import type { Tracing } from "../trace.ts";
import { inOriginal } from "./rewritten.ts";
import { withCallSite } from "./call_site.ts";
import { Catalog } from "./catalog.ts";
import { Description } from "./describe.ts";
import { Exactness } from "./exactness.ts";
import { TypesWanted } from "./bind.ts";
import type { ExecuteOptions, OwnOptions } from "./execute_options.ts";
import { ExtendedQuery } from "./extended_query.ts";
import { OwnTypesTable } from "./own_types.ts";
import { queryTrace, resultTrace } from "./query_trace.ts";
import type { Result } from "./result.ts";
import { decodeLate, isStaleRow, type RowColumn, rowColumns } from "./rows.ts";
import { isStale, mayBeOutdated, type OwnTypes, type Statement } from "./statement.ts";
import { StatementCache, type StatementLimits } from "./statement_cache.ts";

/** On whose behalf the catalogue is asked. */
type Asking = Pick<ExecuteOptions, "lock" | "ahead">;

/** A request that was bound to a statement. */
export type Ran = Pick<ExtendedQuery, "statement" | "text" | "options" | "isKept">;

/** Runs queries on one session: its statements, and the codecs for their values. */
export class Executor {
  readonly session: Session;
  readonly cache: StatementCache;
  readonly types: TypeRegistry;
  /** What is known of the session's settings. */
  readonly exactness: Exactness;
  /** Who watches what is run. */
  readonly trace: Tracing;
  readonly #catalog: Catalog;
  /** A transaction of ours may have altered types, and may undo that. */
  #hasAltered = false;
  readonly #ownTypes: OwnTypesTable;

  constructor(
    session: Session,
    types: TypeRegistry,
    statements: StatementLimits,
    trace: Tracing,
  ) {
    this.session = session;
    this.types = types;
    this.#ownTypes = new OwnTypesTable(types);
    this.exactness = new Exactness(session.parameterStatuses);
    this.trace = trace;
    this.#catalog = new Catalog(types);
    this.cache = new StatementCache(
      statements,
      session,
      crypto.getRandomValues(new Uint8Array(8)),
    );
  }

  /** Runs a query of the caller's, under the eyes of those who watch. */
  query(execution: ExtendedQuery, site?: Error): Promise<Result> {
    return this.trace.query.isWatched ? this.#watched(execution, site) : this.run(execution, site);
  }

  /** Runs one of the driver's own texts. Rows are arrays; values go by the built-in codecs. */
  execute(text: string, values: readonly unknown[], options: OwnOptions): Promise<Result> {
    return this.run(this.driverExecution(text, values, options));
  }

  /** The execution of one of the driver's own texts. */
  driverExecution(text: string, values: readonly unknown[], options: OwnOptions): ExtendedQuery {
    return new ExtendedQuery(this, text, values, this.ownOptions(options));
  }

  /** How a text of the driver's own is run: whatever the connection's rows and codecs are. */
  ownOptions(options: OwnOptions | undefined): ExecuteOptions {
    return own<ExecuteOptions>(options, { rows: "array", types: this.#ownTypes.builtin });
  }

  /** Runs an execution: the only async function between caller and session. `site`: for errors. */
  async run(execution: ExtendedQuery, site?: Error): Promise<Result> {
    try {
      let result: Result;
      try {
        result = await this.session.request(execution, execution.options);
      } catch (error) {
        throw execution.explained(error);
      }
      const { incomplete } = execution;
      if (incomplete === undefined) return result;
      return await this.complete(result, incomplete, execution);
    } catch (error) {
      throw withCallSite(inOriginal(error, execution.rewritten), site);
    }
  }

  /**
   * A statement for this text, ready, and with all its types known that the server can tell of.
   * Without a place of its own and without room in the cache, it has no name.
   */
  async describe(text: string, options: ExecuteOptions): Promise<Statement> {
    this.checkText(text);
    const description = new Description(this, text, options);
    const statement = description.known ?? await this.session.request(description, options);
    const unknown = wanting(statement);
    if (unknown.length > 0) await this.learn(statement, unknown, options);
    return statement;
  }

  /** A statement for this text that {@linkcode describe} would have nothing to ask about. */
  described(text: string, options: ExecuteOptions): Statement | undefined {
    const { known } = new Description(this, text, options);
    return known !== undefined && wanting(known).length === 0 ? known : undefined;
  }

  /** Asks the catalogue for types, and describes the statement anew when that has taught anything. */
  async learn(statement: Statement, oids: readonly number[], options: Asking): Promise<boolean> {
    if (!await this.ask(oids, options)) return false;
    this.describeAgain(statement);
    return true;
  }

  /**
   * Asks the catalogue about types that are not known. Reports whether anything was learned. A
   * transaction that was begun meanwhile has the question asked inside.
   *
   * @throws {InterfaceError} a stream or a COPY that was begun meanwhile holds the connection.
   * @throws {OperationalError} the catalogue did not answer.
   */
  async ask(oids: readonly number[], { lock, ahead }: Asking): Promise<boolean> {
    const holder = this.session.lock;
    const isFree = holder === lock || holder?.isTransaction === true && holder.outer === undefined;
    if (ahead !== true && holder !== undefined && !isFree) {
      throw new InterfaceError(`types of the query are not known yet, and ${holder.refusal}`);
    }
    return await this.#catalog.learn(this, oids, lock);
  }

  /** Decodes what had to stay text until the catalogue was asked. */
  async complete(
    result: Result,
    before: readonly RowColumn[],
    { statement, options }: ExtendedQuery,
  ): Promise<Result> {
    const unknown = before.filter(({ codec }) => codec === undefined);
    const oids = [...new Set(unknown.map(({ typeOid }) => typeOid))];
    if (await this.learn(statement, oids, options)) {
      decodeLate(result, before, statement.binaryColumns);
    }
    return result;
  }

  /**
   * Reports whether a query that has failed is to be run again: it has failed for a reason of the
   * driver's own, which is removed. Every other failure is the caller's.
   *
   * @throws {StaleStatementError} it was that, inside a transaction that has failed over it.
   */
  recover(
    execution: ExtendedQuery,
    error: unknown,
    status: TransactionStatus | undefined,
  ): boolean | Promise<boolean> {
    if (this.forgetAltered(error)) return false; // what it did is done
    const { options } = execution;
    if (error instanceof TypesWanted) {
      return this.learn(error.statement, error.oids, own<ExecuteOptions>(options, { ahead: true }));
    }
    if (execution.hasUnfitValue) return this.forgetOutdated(execution);
    if (status === undefined) return false;
    if (execution.sharedParseFailed && hasCode(error, "26000")) {
      if (status === "idle") return true;
      throw execution.statement.refusal ?? error;
    }
    return this.mendBound(execution, error, status);
  }

  /** The same for a request that was bound to a statement; `isKept`: an earlier one had parsed it. */
  mendBound(ran: Ran, error: unknown, status: TransactionStatus): boolean | Promise<boolean> {
    const { statement, options, isKept } = ran;
    if (isStaleRow(error)) {
      this.#retire(statement, options);
      return false; // what it did is done
    }
    if (this.dropStale(statement, error, status, options, isKept)) return true;
    if (!isKept || statement.parameters.length === 0 || !mayBeOutdated(error)) return false;
    // Behind a change of the connection's own it would be described, and run, as of that change.
    if (!this.cache.isCurrent(statement)) return false;
    if (status === "idle") return this.forgetOutdated(ran);
    this.#retire(statement, options);
    return false;
  }

  /**
   * Forgets a statement that has turned out not to be what it was taken for: the server has forgotten
   * it, or means another by its name, or what it selects from has changed. Reports whether it was
   * that, so that the query can be run again.
   *
   * @throws {StaleStatementError} it was that, inside a transaction that has failed over it.
   */
  dropStale(
    statement: Statement,
    error: unknown,
    status: TransactionStatus,
    options: ExecuteOptions,
    isKept: boolean,
  ): boolean {
    if (!isStale(error, statement, isKept)) return false;
    // EXECUTE of a statement that the user has prepared: that one is stale, and not the driver's.
    if (!this.cache.mayKeep(statement.text)) return false;
    const isKnown = error.code !== "26000" && error.code !== "42P05";
    if (isKnown) this.#retire(statement, options);
    (options.store ?? this.cache).forget(statement);
    if (error.code === "26000") this.cache.noteLoss(statement);
    if (isKnown && !isKept && statement.name !== "") this.cache.keepNoMore(statement.text);
    if (status === "idle") return true;
    throw new StaleStatementError(error, this.cache.keeps ? "" : NONE_KEPT);
  }

  /**
   * Forgets a statement if its parameters have other types by now: the server keeps those that it was
   * prepared with, also when a column has become wider. Asked for only when a value was refused,
   * which is rare, and costs a round trip.
   */
  async forgetOutdated({ statement, text, options }: Ran): Promise<boolean> {
    const fresh = own<ExecuteOptions>(options, {
      prepare: false,
      store: undefined,
      ahead: true,
    });
    const now = await this.describe(text, fresh).catch(() => statement);
    const before = statement.parameters;
    const isSame = now.parameters.length === before.length &&
      now.parameters.every(({ oid }, i) => oid === before[i]!.oid);
    if (isSame) return false;
    this.#retire(statement, options);
    return true;
  }

  /**
   * The OIDs of types, each given by its name or by its OID.
   *
   * @throws {ProgrammingError} there is no such type.
   */
  async oidsOf(types: readonly (number | string)[], lock?: SessionLock): Promise<number[]> {
    const oids: number[] = [];
    for (const type of types) {
      oids.push(typeof type === "number" ? type : await this.#oidOf(type, lock));
    }
    return oids;
  }

  /** Takes a statement out that the server still has, whether or not it is still in its store. */
  #retire(statement: Statement, { store }: ExecuteOptions): void {
    if (statement.state === "failed") return;
    this.cache.retire(statement);
    store?.forget(statement);
    statement.state = "failed";
  }

  /** Told every text that is going to be run or described; what it throws refuses it. */
  checkText(_text: string): void {}

  /** Forgets what the catalogue said, when an error shows that a type has been altered since. */
  forgetAltered(error: unknown): boolean {
    const isBehind = AlteredTypeError.isBehind(error);
    if (isBehind) this.forgetTypes();
    return isBehind;
  }

  /** Told the tag of every command that returns no rows. */
  completed(tag: string): void {
    if (tag === "DEALLOCATE ALL" || tag === "DISCARD ALL") this.cache.clear();
    if (ALTERING.has(tag)) this.#hasAltered = true;
    if (ALTERING.has(tag) || (this.#hasAltered && tag === "ROLLBACK")) this.forgetTypes();
    if (tag === "COMMIT") this.#hasAltered = false;
  }

  /** What is not built in only the server knows by its name: search_path and owners may change it. */
  async #oidOf(name: string, lock: SessionLock | undefined): Promise<number> {
    const known = this.types.oidOf(name);
    if (known !== undefined) return known;
    const [row] = await this.execute(ownSql.TYPE_OID, [name], own({ lock })) as Result<unknown>;
    return (row as [number])[0];
  }

  #watched(execution: ExtendedQuery, site: Error | undefined): Promise<Result> {
    const { text, values } = execution;
    return this.trace.query.promise(
      queryTrace(text, values, false),
      () => this.run(execution, site),
      (result) => resultTrace([result]),
    );
  }

  /** Whether `\\` escapes in every string, not only in `E'…'`. Source: manual, "String Constants". */
  get escapesInStrings(): boolean {
    return this.session.parameterStatuses.get("standard_conforming_strings") === "off";
  }

  /** The codecs of the option `types`. @throws {InterfaceError} a policy or a codec is wrong. */
  ownTypes(options: TypesOptions): OwnTypes {
    return this.#ownTypes.of(options);
  }

  /** Where codecs are looked up. */
  codecsFor(types: OwnTypes | undefined): (oid: number) => Codec | undefined {
    const registry = types?.registry ?? this.types;
    return (oid) => registry.lookup(oid);
  }

  /** Fills in what the server says of a statement. */
  describeParameters(statement: Statement, oids: readonly number[]): void {
    const codecOf = this.codecsFor(statement.types);
    statement.parameters = oids.map((oid) => ({ oid, codec: codecOf(oid) }));
  }

  /** Fills in the columns; binary wherever the codec reads it. */
  describeColumns(statement: Statement, columns: readonly ColumnDescription[]): void {
    const codecOf = this.codecsFor(statement.types);
    const formats = columns.map(({ typeOid }) =>
      codecOf(typeOid)?.decodeBinary === undefined ? 0 : 1
    );
    const described = rowColumns(columns, formats, codecOf);
    statement.describe(columns, described);
  }

  /** Has the catalogue asked again, by the next query that meets a type of its. */
  forgetTypes(): void {
    this.types.forget();
    this.#catalog.forget();
    this.cache.renew((statement) => this.describeAgain(statement));
  }

  /** Adds a codec, from the next query on; also for statements that are prepared already. */
  register(codec: Codec | CustomCodec): void {
    this.types.register(codec);
    this.#ownTypes.renew();
    this.cache.renew((statement) => this.describeAgain(statement));
  }

  /** The same with what the catalogue has taught since. */
  describeAgain(statement: Statement): void {
    this.describeParameters(statement, statement.parameters.map(({ oid }) => oid));
    this.describeColumns(statement, statement.columns);
  }
}

/** Commands that can change a composite type or rename its attributes; every table and view has one. */
const ALTERING: ReadonlySet<string> = new Set([
  "DO",
  "ALTER TYPE",
  "ALTER TABLE",
  "ALTER VIEW",
  "ALTER MATERIALIZED VIEW",
  "ALTER FOREIGN TABLE",
  "CREATE VIEW",
]);

/** Said once on a connection: what follows is parsed where it is run. */
const NONE_KEPT =
  " (its statements get lost again and again, as behind a pooler in transaction mode: from now on this " +
  "connection uses none with a name)";

/** The types in it that nobody knows. */
function wanting({ unknown, parameters }: Statement): readonly number[] {
  const strange = parameters.filter(({ codec }) => codec === undefined);
  return strange.length === 0 ? unknown : [...unknown, ...strange.map(({ oid }) => oid)];
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof DatabaseError && error.code === code;
}
