import type { ColumnDescription } from "../protocol/backend.ts";
import { InterfaceError } from "../errors/errors.ts";
import { PreparedStatement, type StatementOptions } from "../query/prepared.ts";
import type { QueryContext } from "../query/query_context.ts";
import type { Query } from "../query/query.ts";
import type { QueryParameters } from "../query/queries.ts";

/** A statement that each connection of the pool prepares when it first runs it. */
export class PoolPreparedStatement<Row> extends PreparedStatement<Row> {
  readonly #run: (parameters: QueryParameters, options: StatementOptions) => Query<Row>;
  #isClosed = false;

  constructor(
    host: QueryContext,
    run: (parameters: QueryParameters, options: StatementOptions) => Query<Row>,
    parameters: ConstructorParameters<typeof PreparedStatement>[4]["parameters"],
    columns: readonly ColumnDescription[],
  ) {
    const nowhere = {} as ConstructorParameters<typeof PreparedStatement>[3];
    const described = { parameters, columns } as ConstructorParameters<typeof PreparedStatement>[4];
    super(
      host,
      { text: "", names: [], isNumbered: false, original: "", edits: [] },
      {},
      nowhere,
      described,
    );
    this.#run = run;
  }

  override query(parameters: QueryParameters = [], options: StatementOptions = {}): Query<Row> {
    if (this.#isClosed) throw new InterfaceError("the prepared statement is closed");
    return this.#run(parameters, options);
  }

  /** Ends the use of the statement. The connections keep it as they keep all statements. */
  override close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }
}
