/**
 * Right and wrong uses of the types of queries. Nothing here is run: `deno check` and, for the npm
 * package, four versions of `tsc` prove that the right uses compile and that each wrong one, after its
 * `@ts-expect-error`, does not.
 */
import {
  type BatchEntry,
  type Connection,
  type Fragment,
  type Pool,
  type PreparedStatement,
  type Query,
  type Queryable,
  type QueryOptions,
  type Result,
  sql,
  type Transaction,
  type TransactionCallback,
} from "../../mod.ts";

interface User {
  readonly id: number;
  readonly name: string | null;
}

/** Holds when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

function proves<_ extends true>(): void {}

export async function rows(db: Connection): Promise<void> {
  const typed = db.sql<User>`select id, name from users`;
  proves<Same<typeof typed, Query<User>>>();
  const users = await typed;
  proves<Same<typeof users, Result<User>>>();
  const [first] = users;
  proves<Same<typeof first, User | undefined>>();
  const one = await typed.one();
  proves<Same<typeof one, User>>();
  const maybe = await typed.optional();
  proves<Same<typeof maybe, User | undefined>>();
  const arrays = await typed.values();
  proves<Same<typeof arrays, Result<unknown[]>>>();
  const name = await typed.scalar<string>();
  proves<Same<typeof name, string>>();
  for await (const user of typed) proves<Same<typeof user, User>>();
  for await (const batch of typed.batches(10)) proves<Same<typeof batch, User[]>>();
  const plain = await db.query("select 1");
  proves<Same<typeof plain, Result<Record<string, unknown>>>>();
  const text = await db.query<User>("select id, name from users where id = :id", { id: 1 });
  proves<Same<typeof text, Result<User>>>();
  const prepared = await db.prepare<User>("select id, name from users where id = $1");
  proves<Same<typeof prepared, PreparedStatement<User>>>();
  const found = await prepared.query([1]);
  proves<Same<typeof found, Result<User>>>();
  // @ts-expect-error a row has the columns of its type
  users[0]!.email;
  // @ts-expect-error a column without a type is unknown, not any
  const count: number = plain[0]!.count;
  void count;
}

export function values(db: Connection, user: User, maybe: string | undefined): void {
  const { sql: own } = db;
  own`select ${1}, ${"a"}, ${true}, ${1n}, ${null}, ${new Date()}, ${[1, [2]]}, ${{
    a: 1,
  }}, ${user}`;
  own`select ${sql`1`}, ${own`select 1`}, ${new Uint8Array(1)}`;
  // @ts-expect-error undefined is no value: null is NULL
  own`select ${undefined}`;
  // @ts-expect-error a value that may be undefined is none either
  own`select ${maybe}`;
  // @ts-expect-error a symbol has no SQL
  own`select ${Symbol()}`;
  // @ts-expect-error the unbound tag takes the same
  sql`select ${undefined}`;
}

export function forms(db: Connection, user: User, users: readonly User[]): void {
  const { sql: own } = db;
  const fragments: Fragment[] = [own("t"), own(["a", "b"]), own([1, 2]), own(user), own(users)];
  fragments.push(own(user, "id"), own(users, "name", "id"), sql.identifier("a", "b"));
  fragments.push(sql.join([1, sql`2`]), sql.raw("x"), sql.literal(5), sql.typed(1, "int4"));
  // @ts-expect-error a column that the object does not have
  own(user, "email");
  // @ts-expect-error the rows do not have it either
  own(users, "email");
  // @ts-expect-error a number is neither a name, nor a list, nor an object
  own(5);
  // @ts-expect-error an object has no literal
  sql.literal({});
  // @ts-expect-error the unbound tag makes fragments, which cannot be awaited
  sql`select 1`.then();
}

export async function transactions(db: Connection, any: Queryable): Promise<void> {
  const value = await db.transaction(async (tx) => {
    proves<Same<typeof tx, Transaction>>();
    const inner = await tx.transaction((sp) => sp.query<User>("select 1"));
    proves<Same<typeof inner, Result<User>>>();
    await Promise.resolve();
    return 5;
  }, { isolation: "serializable", readOnly: true, retries: 3 });
  proves<Same<typeof value, number>>();
  const held: Queryable[] = [db, await db.begin(), any];
  for (const one of held) await one.transaction((tx) => tx.sql`select 1`);
  // @ts-expect-error there is no such isolation
  await db.transaction(() => 1, { isolation: "snapshot" });
  const results = await db.batch([{ text: "select 1", parameters: [1] }, sql`select 2`]);
  proves<Same<typeof results, [Result, Result]>>();
  const many = await db.executeMany<User>("insert into users values ($1)", [[1], [2]]);
  proves<Same<typeof many, Result<User>>>();
  // @ts-expect-error sets of parameters, not parameters
  await db.executeMany("insert into users values ($1)", [1, 2]);
}

/** The queries that a callback returns are run, and their results are typed. */
export async function returned(db: Queryable, pool: Pool, unknown: unknown): Promise<void> {
  const results = await db.transaction((tx) => [
    tx.query<User>("select id, name from users"),
    tx.sql<{ count: bigint }>`select count(*) from users`,
  ]);
  proves<Same<typeof results, [Result<User>, Result<{ count: bigint }>]>>();
  const late = await pool.transaction(async (tx) => {
    await tx.query("select 1");
    return [1, 2].map((id) => tx.sql<User>`select ${id}`);
  });
  proves<Same<typeof late, Result<User>[]>>();
  const rows = await db.transaction((tx) => tx.query<User>("select 1"));
  proves<Same<typeof rows, Result<User>>>();
  const list = await db.transaction(() => [1, 2]);
  proves<Same<typeof list, [number, number]>>();
  const nothing = await db.transaction(async (tx) => void await tx.query("select 1"));
  proves<Same<typeof nothing, undefined>>();
  const whatever = await db.transaction(() => unknown);
  proves<Same<typeof whatever, unknown>>();
}

/** A function around transactions needs no types of its own. */
export async function wrapped<T>(db: Queryable, work: TransactionCallback<T>): Promise<T> {
  return await db.transaction(work);
}

/** The values in a template have the types of the tuple. */
export async function holes(db: Connection, pool: Pool): Promise<void> {
  const { sql: own } = db;
  const query = own<User, [id: number, name: string | null]>`
    select id, name from users where id = ${1} and name = ${null}`;
  proves<Same<typeof query, Query<User>>>();
  own<never, [Date, Fragment, readonly number[]]>`select ${new Date()}, ${sql`1`}, ${[1]}`;
  own<{ mood: string }, ["sad" | "ok"]>`select mood from users where mood = ${"ok"}`;
  own<User, []>`select id, name from users`;
  const fragment = sql<User, [number]>`select id, name from users where id = ${1}`;
  proves<Same<typeof fragment, Fragment<User>>>();
  await db.transaction(async (tx) => await tx.sql<User, [number]>`select ${1}`);
  pool.sql<User, [number]>`select ${1}`;
  // @ts-expect-error a string in place of a number
  own<User, [number]>`select id, name from users where id = ${"1"}`;
  // @ts-expect-error a string that may be null in place of a string
  own<User, [string]>`select id, name from users where name = ${maybe(db)}`;
  // @ts-expect-error a value too few
  own<User, [number, number]>`select id, name from users where id = ${1}`;
  // @ts-expect-error a value too many
  own<User, [number]>`select id, name from users where id = ${1} or id = ${2}`;
  // @ts-expect-error a value where there is none
  own<User, []>`select id, name from users where id = ${1}`;
  // @ts-expect-error none of the labels
  own<{ mood: string }, ["sad" | "ok"]>`select mood from users where mood = ${"happy"}`;
  // @ts-expect-error a fragment is no number
  own<User, [number]>`select id, name from users where id = ${sql`1`}`;
  // @ts-expect-error undefined is no value in a tuple either
  own<User, [number | undefined]>`select id, name from users where id = ${1}`;
  // @ts-expect-error the unbound tag takes the same
  sql<User, [number]>`select id, name from users where id = ${"1"}`;
  // @ts-expect-error the pool's tag takes the same
  pool.sql<User, [number]>`select ${"1"}`;
}

declare function maybe(db: Connection): string | null;

/** Rows are objects or arrays, as the options say. */
export async function shapes(db: Connection, any: Queryable, options: QueryOptions): Promise<void> {
  const plain = db.query("select 1", [], { rows: "array" });
  proves<Same<typeof plain, Query<unknown[]>>>();
  const typed = await any.query<[number, string]>("select 1, 'a'", [], { rows: "array" });
  proves<Same<typeof typed, Result<[number, string]>>>();
  proves<Same<typeof typed[0][1], string>>();
  const named = db.query<[number]>("select :a::int", { a: 1 }, { rows: "array", timeout: 1 });
  proves<Same<typeof named, Query<[number]>>>();
  const values = await db.query<User>("select id, name from users").values<[number, string]>();
  proves<Same<typeof values, Result<[number, string]>>>();
  const objects = db.query<User>("select id, name from users", [], { rows: "object" });
  proves<Same<typeof objects, Query<User>>>();
  const either = db.query<User>("select id, name from users", [], options);
  proves<Same<typeof either, Query<User | unknown[]>>>();
  const fromFragment = db.query(sql<User>`select id, name from users`);
  proves<Same<typeof fromFragment, Query<User>>>();
  const fromUntyped = db.query(sql`select 1`);
  proves<Same<typeof fromUntyped, Query<Record<string, unknown>>>>();
  const fromForm = db.query(sql.raw("select 1"));
  proves<Same<typeof fromForm, Query<Record<string, unknown>>>>();
  const retyped = db.query<User>(sql`select id, name from users`);
  proves<Same<typeof retyped, Query<User>>>();
  const arrays = db.query(sql<User>`select id, name from users`, [], { rows: "array" });
  proves<Same<typeof arrays, Query<unknown[]>>>();
  const prepared = await db.prepare<[number]>("select 1", { rows: "array" });
  proves<Same<typeof prepared, PreparedStatement<[number]>>>();
  const objectsOnce = await db.prepare<User>("select id, name from users");
  const asPrepared = objectsOnce.query([], { timeout: 1 });
  proves<Same<typeof asPrepared, Query<User>>>();
  const asArrays = objectsOnce.query<[number]>([], { rows: "array" });
  proves<Same<typeof asArrays, Query<[number]>>>();
  const many = await db.executeMany("select $1", [[1]], { rows: "array" });
  proves<Same<typeof many, Result<unknown[]>>>();
  // @ts-expect-error the rows are arrays, not objects
  (await db.query<User>("select id, name from users", [], { rows: "array" }))[0]!.name;
  // @ts-expect-error an array of one has no second column
  (await db.query<[number]>("select 1", [], { rows: "array" }))[0]![1];
  // @ts-expect-error the shape is unknown when the options are a variable
  (await either)[0]!.name;
  // @ts-expect-error there is no such shape
  db.query("select 1", [], { rows: "arrays" });
}

/** Each result of a batch has the type of its query's rows. */
export async function batches(db: Queryable, list: readonly BatchEntry[]): Promise<void> {
  const [users, count, plain, raw] = await db.batch([
    db.sql<User>`select id, name from users`,
    sql<{ count: bigint }>`select count(*) from users`,
    { text: "select 1", parameters: [] },
    sql.raw("select 1"),
  ]);
  proves<Same<typeof users, Result<User>>>();
  proves<Same<typeof count, Result<{ count: bigint }>>>();
  proves<Same<typeof plain, Result>>();
  proves<Same<typeof raw, Result>>();
  const all = await db.batch(list);
  proves<Same<typeof all, Result[]>>();
  const mapped = await db.batch([1, 2].map((id) => db.sql<User>`select ${id}`));
  proves<Same<typeof mapped, Result<User>[]>>();
  const arrays = await db.batch([sql<User>`select 1`, sql<[number]>`select 1`], { rows: "array" });
  proves<Same<typeof arrays, [Result<unknown[]>, Result<[number]>]>>();
  // @ts-expect-error a text alone is no query of a batch
  await db.batch(["select 1"]);
  // @ts-expect-error the second result is not the first one's
  count[0]!.name;
  // @ts-expect-error there is no fifth result
  (await db.batch([sql`select 1`]))[1];
}

/** Queries are promises. */
export function promises(db: Connection): Promise<unknown>[] {
  const users: Promise<Result<User>> = db.query<User>("select id, name from users");
  const last: Promise<Result<User>> = db.query<User>("select id, name from users").simple();
  return [users, last];
}
