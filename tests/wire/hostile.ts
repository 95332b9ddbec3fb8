/**
 * Runs tables of hostile and odd servers against the driver. A case says what the server does and
 * what must come of it: each query's outcome, and whether the connection is closed or usable after.
 * Every case runs once per delivery mode, and nothing in it may be left unhandled.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  type Connection,
  type ConnectOptions,
  InterfaceError,
  PgError,
} from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  type Delivery,
  eachDelivery,
  expect,
  expectAll,
  expectClose,
  handshake,
  type Script,
  type ScriptedServer,
  send,
} from "../_kit/scripted_server.ts";
import {
  bindComplete,
  type Column,
  commandComplete,
  dataRow,
  parameterDescription,
  parseComplete,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

/** The class of an error, exactly, and a phrase of its message. */
export interface Failure {
  readonly error: new (...args: never[]) => Error;
  readonly phrase: RegExp;
  readonly code?: string;
}

/** The expected outcome of a query: an error, or exactly these rows. */
export type Outcome = Failure | readonly object[];

/** A server that behaves until its client is connected. */
export interface Hostile {
  readonly name: string;
  /** The script of the server after the handshake. */
  readonly script: Script;
  /** The queries of the client, made at once; one query without parameters by default. */
  readonly ask?: (db: Connection) => readonly PromiseLike<unknown>[];
  readonly outcomes: readonly Outcome[];
  /** Whether the next query is answered or refused. */
  readonly after: "usable" | "closed";
  /** The cause of the refusal after a close. */
  readonly reason?: RegExp;
  readonly options?: ConnectOptions;
}

/** A server that does not even let its client connect. */
export interface Refusing {
  readonly name: string;
  readonly script: Script;
  readonly failure: Failure;
  readonly options?: ConnectOptions;
}

/** A {@linkcode Failure}. */
export function fails(error: Failure["error"], phrase: RegExp, code?: string): Failure {
  return { error, phrase, code };
}

/** Parse, Describe, Bind, Execute, Sync: a text that is new. */
export const NEW: Script = expectAll("P", "D", "B", "E", "S");
/** Bind, Execute, Sync: one that is known. */
export const KNOWN: Script = expectAll("B", "E", "S");

/** Up to BindComplete: the answer to a new text without parameters that returns these columns. */
export function opening(...columns: readonly (Column | string)[]): Uint8Array[] {
  return [
    parseComplete(),
    parameterDescription(),
    rowDescription(columns.length > 0 ? columns : ["n"]),
    bindComplete(),
  ];
}

/** The end of a result, with ReadyForQuery. */
export function ending(tag = "SELECT 1"): Uint8Array[] {
  return [commandComplete(tag), readyForQuery()];
}

/** The whole answer to a new text: one row, one column `n`. */
export function wholeAnswer(value: string): Uint8Array[] {
  return [...opening(), dataRow([value]), ...ending()];
}

/** Options that reach this server and nothing else. */
export function reach(server: ScriptedServer, options: ConnectOptions = {}): ConnectOptions {
  const { host, port } = server;
  return { host, port, user: "u", sslMode: "disable", connectTimeout: 20, ...options };
}

/** Registers a test per case. */
export function hostile(cases: readonly Hostile[]): void {
  for (const one of cases) {
    test(`hostile server: ${one.name}`, () => quietly(withLastWords(one), (s) => judge(one, s)));
  }
}

/** Registers a test per case. */
export function refusing(cases: readonly Refusing[]): void {
  for (const { name, script, failure: expected, options } of cases) {
    test(`hostile server at startup: ${name}`, () =>
      quietly([...script, expectClose()], async (server) => {
        const error = await failure(connect(reach(server, options)));
        assertFailure(error, expected);
      }));
  }
}

/** Runs `body` once per delivery mode, and fails for whatever is left unhandled. */
export function quietly(
  script: Script | ((connection: number) => Script | undefined),
  body: (server: ScriptedServer, delivery: Delivery) => Promise<void>,
): Promise<void> {
  return withoutUnhandled(() => eachDelivery(script, body), 0.02);
}

/** Checks an error's class, message and code. */
export function assertFailure(error: Error, { error: Class, phrase, code }: Failure): void {
  const found = `${error.constructor.name}: ${error.message}`;
  assert.equal(error.constructor.name, Class.name, found);
  assert.match(error.message, phrase);
  if (code !== undefined) assert.equal((error as PgError).code, code, found);
}

/** The connection is over: calls are refused, with the reason, and `closed` has resolved. */
export async function assertClosed(db: Connection, reason?: RegExp): Promise<void> {
  await db.closed;
  const error = await failure(db.query("select 'too late'"));
  assertFailure(error, fails(InterfaceError, /^connection is closed$/));
  assert.ok(error.cause instanceof PgError, "the refusal has no cause");
  if (reason !== undefined) assert.match(error.cause.message, reason);
  await db.close();
}

function withLastWords({ script, after }: Hostile): Script {
  if (after === "closed") return [handshake(), script, expectClose()];
  return [handshake(), script, NEW, send(...wholeAnswer("alive")), expect("X"), expectClose()];
}

async function judge(one: Hostile, server: ScriptedServer): Promise<void> {
  const { ask, outcomes, after, reason, options } = one;
  const db = await connect(reach(server, options));
  const queries = ask?.(db) ?? [db.query("select n")];
  assert.equal(queries.length, outcomes.length);
  const settled = await Promise.allSettled(queries);
  settled.forEach((result, i) => assertOutcome(result, outcomes[i]!));
  if (after === "closed") return await assertClosed(db, reason);
  assert.deepEqual([...await db.query("select 'alive' as n")], [{ n: "alive" }]);
  await db.close();
}

function assertOutcome(result: PromiseSettledResult<unknown>, wanted: Outcome): void {
  if ("error" in wanted) {
    assert.equal(result.status, "rejected", `${wanted.error.name} was expected`);
    assertFailure((result as PromiseRejectedResult).reason, wanted);
  } else {
    if (result.status === "rejected") throw result.reason;
    assert.deepEqual([...result.value as object[]], wanted);
  }
}
