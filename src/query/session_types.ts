import { InterfaceError } from "../errors/errors.ts";
import { own } from "../errors/own.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import type { SessionLock } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import { AlteredTypeError } from "../types/altered_type.ts";
import type { Codec } from "../types/codec.ts";
import type { CustomCodec } from "../types/custom.ts";
import type { TypeRegistry, TypesOptions } from "../types/registry.ts";
import { Catalog, type CatalogReader } from "./catalog.ts";
import type { ExecuteOptions, OwnOptions } from "./execute_options.ts";
import { OwnTypesTable } from "./own_types.ts";
import type { Result } from "./result.ts";
import { decodeLate, type RowColumn, rowColumns } from "./rows.ts";
import type { OwnTypes, Statement } from "./statement.ts";
import type { StatementCache } from "./statement_cache.ts";

/** The request for which the catalogue is asked. */
type Asking = Pick<ExecuteOptions, "lock" | "ahead">;

/** The types of one session: its codecs, what the catalogue says, and the descriptions of statements. */
export class SessionTypes {
  /** The connection's codecs. */
  readonly registry: TypeRegistry;
  readonly #session: Session;
  readonly #cache: StatementCache;
  readonly #catalog: Catalog;
  readonly #reader: CatalogReader;
  readonly #ownTypes: OwnTypesTable;
  /** A transaction may have altered types, and its end may undo that. */
  #hasAltered = false;

  constructor(
    registry: TypeRegistry,
    session: Session,
    cache: StatementCache,
    reader: CatalogReader,
  ) {
    this.registry = registry;
    this.#session = session;
    this.#cache = cache;
    this.#catalog = new Catalog(registry, reader);
    this.#reader = reader;
    this.#ownTypes = new OwnTypesTable(registry);
  }

  /** Returns the codecs of the option `types`. @throws {InterfaceError} a policy or a codec is wrong. */
  ownTypes(options: TypesOptions): OwnTypes {
    return this.#ownTypes.of(options);
  }

  /** Returns the options of one of the driver's own texts, whatever the connection's rows and codecs are. */
  driverOptions(options: OwnOptions | undefined): ExecuteOptions {
    return own<ExecuteOptions>(options, { rows: "array", types: this.#ownTypes.builtin });
  }

  /** Returns the codecs of a query by their OIDs. */
  codecsFor(types: OwnTypes | undefined): (oid: number) => Codec | undefined {
    const registry = types?.registry ?? this.registry;
    return (oid) => registry.lookup(oid);
  }

  /**
   * Returns the OIDs of types, each given by its name or by its OID.
   *
   * @throws {ProgrammingError} there is no such type.
   */
  async oidsOf(types: readonly (number | string)[], lock?: SessionLock): Promise<number[]> {
    const oids: number[] = [];
    for (const type of types) {
      // search_path and owners decide about names that are not built in, so the server is asked.
      oids.push(typeof type === "number" ? type : await this.#oidOf(type, lock));
    }
    return oids;
  }

  /** Fills in the parameters of a statement. */
  describeParameters(statement: Statement, oids: readonly number[]): void {
    const codecOf = this.codecsFor(statement.types);
    statement.parameters = oids.map((oid) => {
      const codec = codecOf(oid);
      return { oid, codec, encodesStrings: codec?.encodesStrings === true };
    });
  }

  /** Fills in the columns of a statement; they come in binary wherever the codec reads it and does not prefer text. */
  describeColumns(statement: Statement, columns: readonly ColumnDescription[]): void {
    const codecOf = this.codecsFor(statement.types);
    const formats = columns.map(({ typeOid }) => {
      const codec = codecOf(typeOid);
      return codec?.decodeBinary === undefined || codec.prefersText === true ? 0 : 1;
    });
    statement.describe(columns, rowColumns(columns, formats, codecOf));
  }

  /**
   * Loads the rare types if the statement, which was just described, has any and they are not loaded.
   * Returns a promise until then; it rejects if they cannot be loaded.
   */
  loadFor(statement: Statement): Promise<void> | undefined {
    if (this.notLoaded(statement).length === 0) return undefined;
    return this.registry.load().then(() => this.#describeAgain(statement));
  }

  /** Returns the types of a statement that are not known because the rare types are not loaded. */
  notLoaded(statement: Statement): readonly number[] {
    const { registry } = this;
    return registry.isComplete
      ? []
      : unknownTypes(statement).filter((oid) => registry.mayLoad(oid));
  }

  /** Loads the rare types if a result of the simple protocol has any. As {@linkcode loadFor}. */
  loadForColumns(columns: readonly RowColumn[]): Promise<void> | undefined {
    const { registry } = this;
    const isRare = columns.some(({ codec, typeOid }) =>
      codec === undefined && registry.mayLoad(typeOid)
    );
    return isRare ? registry.load() : undefined;
  }

  /** Asks the catalogue about the types of a statement that are not known, if there are any. */
  async complete(statement: Statement, options: Asking): Promise<void> {
    const oids = unknownTypes(statement);
    if (oids.length > 0) await this.learn(statement, oids, options);
  }

  /** Reports whether there is nothing to ask about the types of a statement. */
  isComplete(statement: Statement): boolean {
    return unknownTypes(statement).length === 0;
  }

  /** Asks the catalogue about types, and describes the statement by what it says. */
  async learn(statement: Statement, oids: readonly number[], options: Asking): Promise<boolean> {
    if (!await this.ask(oids, options)) return false;
    this.#describeAgain(statement);
    return true;
  }

  /**
   * Loads the rare types, and asks the catalogue about types that are not known then. Reports whether
   * anything was learned. A transaction that was begun meanwhile has the question asked inside.
   *
   * @throws {InterfaceError} a stream or a COPY that was begun meanwhile holds the connection.
   * @throws {OperationalError} the catalogue did not answer, or the rare types cannot be loaded.
   */
  async ask(oids: readonly number[], asking: Asking): Promise<boolean> {
    const { registry } = this;
    if (!oids.some((oid) => registry.mayLoad(oid))) return await this.#ask(oids, asking);
    await registry.load();
    const unknown = oids.filter((oid) => registry.lookup(oid) === undefined);
    return unknown.length === 0 || await this.#ask(unknown, asking);
  }

  async #ask(oids: readonly number[], { lock, ahead }: Asking): Promise<boolean> {
    const holder = this.#session.lock;
    if (ahead !== true && holder !== undefined && holder !== lock && !holder.isTransaction) {
      throw new InterfaceError(`types of the query are not known yet, and ${holder.refusal}`);
    }
    return await this.#catalog.learn(oids, lock);
  }

  /** Decodes values that stayed text because their types were not known; `before`: how they came. */
  async decodeRest(
    result: Result,
    before: readonly RowColumn[],
    statement: Statement,
    options: Asking,
  ): Promise<Result> {
    const unknown = before.filter(({ codec }) => codec === undefined);
    const oids = [...new Set(unknown.map(({ typeOid }) => typeOid))];
    if (await this.learn(statement, oids, options)) {
      decodeLate(result, before, statement.binaryColumns);
    }
    return result;
  }

  /** Adds a codec, from the next query on; also for statements that are prepared already. */
  register(codec: Codec | CustomCodec): void {
    this.registry.register(codec);
    this.#ownTypes.renew();
    this.#renew();
  }

  /** Clears what the catalogue said; the next query that uses one of these types asks again. */
  forget(): void {
    this.registry.forget();
    this.#catalog.forget();
    this.#renew();
  }

  /** Clears what the catalogue said if an error shows that a type was altered. Reports whether it did. */
  forgetAltered(error: unknown): boolean {
    const isAltered = AlteredTypeError.isBehind(error);
    if (isAltered) this.forget();
    return isAltered;
  }

  /** Clears what the catalogue said when a command has altered types, or has undone that. */
  completed(tag: string): void {
    if (ALTERING.has(tag)) this.#hasAltered = true;
    if (ALTERING.has(tag) || (this.#hasAltered && tag === "ROLLBACK")) this.forget();
    if (tag === "COMMIT") this.#hasAltered = false;
  }

  async #oidOf(type: string, lock: SessionLock | undefined): Promise<number> {
    const { registry } = this;
    if (registry.oidOf(type) === undefined) await registry.load();
    return registry.oidOf(type) ?? await this.#reader.oidOf(type, lock);
  }

  #renew(): void {
    this.#cache.renew((statement) => this.#describeAgain(statement));
  }

  #describeAgain(statement: Statement): void {
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

function unknownTypes({ unknown, parameters }: Statement): readonly number[] {
  const strange = parameters.filter(({ codec }) => codec === undefined);
  return strange.length === 0 ? unknown : [...unknown, ...strange.map(({ oid }) => oid)];
}
