/**
 * Recognizes calls of `pg`, postgres.js, Bun.sql and Deno's older drivers. The error names the call to
 * write instead.
 *
 * Sources: node-postgres.com, "Queries", "Pooling"; postgres.js' README; bun.sh/docs, "SQL".
 */
import { bool, CALL_OPTIONS, callback, type Check, fail, object, oneOf } from "../errors/checks.ts";
import { InterfaceError } from "../errors/errors.ts";

/** Names that other drivers use, with their replacements. */
export type ForeignNames = Readonly<Record<string, string>>;

/** The properties of a result in other drivers. */
export const FOREIGN_RESULT: ForeignNames = {
  rows: "the result is the array of rows itself",
  fields: "use result.columns",
  count: "use result.rowCount",
  affectedRows: "use result.rowCount",
};

/** The methods of a query in other drivers. */
export const FOREIGN_QUERY: ForeignNames = {
  raw: "use query.values() for rows as arrays",
  cursor: "use query.batches(size) or for await (const row of query)",
  forEach: "await the query, or use for await (const row of query)",
  on: "await the query, or use for await (const row of query)",
  readable: "use db.copyTo(text)",
  writable: "use db.copyFrom(text, source)",
};

/** The methods of a connection or a pool in other drivers. Own methods take precedence. */
export const FOREIGN_CLIENT: ForeignNames = {
  connect: "connect() has connected it already",
  end: "use close()",
  release: "use close(), which gives a pool's connection back",
  unsafe: "use query(text, parameters)",
  reserve: "use pool.connect()",
  begin: "use transaction(callback), or connect() and its begin()",
  on: "use the options onNotice and onNotification, listen(channel), or the promise closed",
  once: "use the options onNotice and onNotification, listen(channel), or the promise closed",
  queryObject: "use query(text, parameters)",
  queryArray: 'use query(text, parameters, { rows: "array" })',
  createTransaction: "use transaction(callback)",
  totalCount: "use stats()",
  idleCount: "use stats()",
  waitingCount: "use stats()",
};

/** The functions of the `sql` tag in other drivers. */
const FOREIGN_FUNCTIONS: ForeignNames = {
  unsafe: "use db.query(text, parameters), or sql.raw(text) in a template",
  begin: "use db.transaction(callback)",
  transaction: "use db.transaction(callback)",
  savepoint: "use tx.savepoint(callback)",
  reserve: "use pool.connect()",
  file: "read the file, and use db.query(text)",
  listen: "use db.listen(channel)",
  notify: "use db.notify(channel, payload)",
  subscribe: "use db.listen(channel)",
  end: "use db.close()",
  close: "use db.close()",
  connect: "use connect() or createPool()",
  query: "use db.query(text, parameters)",
};

/** These functions. Each throws an InterfaceError. */
export const FOREIGN_SQL: Readonly<Record<string, () => never>> = Object.fromEntries(
  Object.entries(FOREIGN_FUNCTIONS).map(([name, instead]) => [name, () => {
    throw new InterfaceError(`sql.${name}() is another driver's: ${instead}`);
  }]),
);

/**
 * Defines a getter that throws an InterfaceError for each name that the prototype lacks. The getters
 * are not declared, so that TypeScript reports the names as well.
 */
export function refuseForeign(prototype: object, what: string, names: ForeignNames): void {
  for (const [name, instead] of Object.entries(names)) {
    if (Object.hasOwn(prototype, name)) continue;
    const get = (): never => {
      throw new InterfaceError(`${what} has no ${name}: ${instead}`);
    };
    // Like a missing property, the name can be assigned.
    const set = function (this: object, value: unknown): void {
      Object.defineProperty(this, name, {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    };
    Object.defineProperty(prototype, name, { get, set, configurable: true });
  }
}

/** Returns the error for a first argument of `query()` that is neither a text nor a fragment. */
export function foreignQuery(query: unknown): InterfaceError {
  if (typeof query !== "object" || query === null || !("text" in query)) {
    return new InterfaceError("query() takes a text, or a fragment made by sql");
  }
  const has = (name: string): boolean => name in query;
  const values = has("values") || has("parameters") ? "parameters" : "[]";
  const options = has("rowMode") ? ', { rows: "array" }' : "";
  const call = options === "" && values === "[]" ? "(text)" : `(text, ${values}${options})`;
  const name = has("name") ? "; statements are prepared and named by the driver" : "";
  return new InterfaceError(`query({ text, … }) is another driver's: use query${call}${name}`);
}

/**
 * Checks that parameters are an object with names.
 *
 * @throws {InterfaceError} they are a callback or another value.
 */
export function checkNamed(parameters: unknown): asserts parameters is Record<string, unknown> {
  if (typeof parameters === "function") throw noCallback();
  if (typeof parameters !== "object" || parameters === null) {
    throw new InterfaceError(
      "query(): the parameters must be an array, or an object by their names",
    );
  }
}

/**
 * Checks the names and values of a query's options.
 *
 * @throws {InterfaceError} the message names the option.
 */
export function checkQueryOptions(options: object): void {
  if (typeof options === "function") throw noCallback();
  object("query(): the options", options);
  for (const name of Object.keys(options)) {
    const check = QUERY_OPTIONS.get(name);
    if (check === undefined) throw unknownOption(name);
    const value: unknown = options[name as keyof typeof options];
    if (value !== undefined) check(name, value);
  }
}

function unknownOption(name: string): InterfaceError {
  const instead = name === "rowMode" || name === "arrayMode"
    ? ': use rows: "array"'
    : name === "name"
    ? ": statements are prepared and named by the driver"
    : "";
  return new InterfaceError(`unknown query option "${name}"${instead}`);
}

function noCallback(): InterfaceError {
  return new InterfaceError("query() takes no callback: await the query");
}

const QUERY_OPTIONS: ReadonlyMap<string, Check> = new Map(Object.entries({
  ...CALL_OPTIONS,
  rows: oneOf("object", "array"),
  prepare: bool,
  parameterTypes,
  types: object,
  parsers: callback,
  binary: bool,
  rawParameters: bool,
  observer: object,
}));

function parameterTypes(name: string, value: unknown): void {
  if (Array.isArray(value) && value.every((type) => typeof type === "string" || isOid(type))) {
    return;
  }
  fail(name, "an array of names and OIDs of types");
}

function isOid(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >>> 0 === value;
}
