import { own } from "../errors/own.ts";
import type { Session } from "../session/session.ts";
import type { Tracing } from "../trace.ts";
import type { TypeRegistry } from "../types/registry.ts";
import { takeCallSite } from "./call_site.ts";
import { Context, type ContextHooks } from "./context.ts";
import { describeStatement } from "./describe.ts";
import type { ExecuteOptions, OwnOptions } from "./execute_options.ts";
import { ExtendedQuery } from "./extended_query.ts";
import { runExtended } from "./run_extended.ts";
import { LateCatalogReader } from "./late_catalog_reader.ts";
import { queryTrace, resultTrace } from "./query_trace.ts";
import type { Result } from "./result.ts";
import { SessionTypes } from "./session_types.ts";
import type { Statement } from "./statement.ts";
import { StatementCache, type StatementLimits } from "./statement_cache.ts";

/** The part of a query's context that a call of the user's needs. */
interface CallDefaults {
  readonly defaults: ExecuteOptions;
  readonly asyncStacks: boolean;
}

/** Runs queries on one session, and describes statements. */
export class Executor {
  readonly context: Context;

  constructor(
    session: Session,
    registry: TypeRegistry,
    statements: StatementLimits,
    trace: Tracing,
    hooks: ContextHooks = {},
  ) {
    const cache = new StatementCache(statements, session);
    const reader = new LateCatalogReader(() => this.context);
    const types = new SessionTypes(registry, session, cache, reader);
    this.context = new Context(session, cache, types, trace, hooks);
  }

  /** The session that the queries are sent to. */
  get session(): Session {
    return this.context.session;
  }

  /** The prepared statements of the session. */
  get cache(): StatementCache {
    return this.context.cache;
  }

  /** The types of the session. */
  get types(): SessionTypes {
    return this.context.types;
  }

  /** The tracing channels that operations are reported to. */
  get trace(): Tracing {
    return this.context.trace;
  }

  /** Runs one of the user's queries, and reports it to tracing channels. `site`: for errors. */
  query(query: ExtendedQuery, site?: Error): Promise<Result> {
    const { trace } = this.context;
    if (!trace.query.isWatched) return runExtended(this.context, query, site);
    return trace.query.promise(
      queryTrace(query.text, query.values, false),
      () => runExtended(this.context, query, site),
      (result) => resultTrace([result]),
    );
  }

  /** Runs one of the driver's own texts. Rows are arrays; values go by the built-in codecs. */
  execute(text: string, values: readonly unknown[], options: OwnOptions): Promise<Result> {
    return runExtended(this.context, this.#driverQuery(text, values, options));
  }

  /**
   * Runs one of the driver's own texts that stands for a call of the user's, such as `notify()` or an
   * operation on a large object. It is reported to tracing channels, as the user's queries are.
   */
  async call(
    { defaults, asyncStacks }: CallDefaults,
    text: string,
    values: readonly unknown[],
    options: OwnOptions | undefined,
  ): Promise<Result> {
    const site = takeCallSite(asyncStacks);
    return await this.query(this.#driverQuery(text, values, own(defaults, options)), site);
  }

  /** Returns a described statement; its types are known as far as the server can say. */
  describe(text: string, options: ExecuteOptions): Promise<Statement> {
    return describeStatement(this.context, text, options);
  }

  #driverQuery(text: string, values: readonly unknown[], options: OwnOptions): ExtendedQuery {
    return new ExtendedQuery(this.context, text, values, this.types.driverOptions(options));
  }
}
