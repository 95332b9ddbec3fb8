/**
 * How the server gets to know a statement: Parse and Describe, and before them a Close for those
 * that nobody needs any more.
 */
import type { Writer } from "../bytes/writer.ts";
import { ProtocolError } from "../errors/errors.ts";
import { readParameterDescription, readRowDescription } from "../protocol/backend.ts";
import { close, describe, parse } from "../protocol/frontend.ts";
import { Backend, backendName, Kind } from "../protocol/tags.ts";
import type { Message } from "../session/exchange.ts";
import { refuseCopy } from "./copy_guard.ts";
import type { Context } from "./context.ts";
import type { OwnTypes, Statement } from "./statement.ts";
import type { StatementStore } from "./statement_cache.ts";

/** One Parse with its Describe, on its way. */
export class ParseDescribe {
  readonly statement: Statement;
  readonly #context: Context;
  readonly #store: StatementStore | undefined;
  /** Names of the statements closed on this occasion. */
  readonly #closed: readonly string[];

  /**
   * Appends the messages; under a name when `store` has room, under none without a store.
   *
   * @throws {InterfaceError} the text is a COPY or contains a zero byte; nothing is in the books.
   */
  constructor(
    out: Writer,
    context: Context,
    store: StatementStore | undefined,
    text: string,
    declared: readonly number[],
    types: OwnTypes | undefined,
  ) {
    refuseCopy(text, context.escapesInStrings);
    this.#context = context;
    this.#store = store;
    this.statement = store?.add(text, declared, types) ??
      context.cache.unnamed(text, declared, types);
    this.#closed = context.cache.takeUnused();
    for (const name of this.#closed) close(out, Kind.Statement, name);
    try {
      parse(out, this.statement.name, text, declared);
    } catch (error) {
      this.abandon();
      throw error;
    }
    describe(out, Kind.Statement, this.statement.name);
  }

  /** Reads what the server says of the statement, which is ready then or forgotten. */
  *replies(): Generator<undefined, void, Message> {
    const { statement } = this;
    try {
      for (let i = 0; i < this.#closed.length; i++) expect(yield, Backend.CloseComplete);
      expect(yield, Backend.ParseComplete);
      yield* readDescription(this.#context, statement);
      statement.state = "ready";
    } catch (error) {
      statement.refusal = error;
      throw error;
    } finally {
      if (statement.state !== "ready") this.#store?.forget(statement);
    }
  }

  /** It was not sent after all, or the server has skipped it. */
  abandon(): void {
    this.#store?.forget(this.statement);
    for (const name of this.#closed) this.#context.cache.closeLater(name);
  }
}

/** Reads the two replies to a statement's Describe. */
export function* readDescription(
  context: Context,
  statement: Statement,
): Generator<undefined, void, Message> {
  let message = yield;
  if (message.tag !== Backend.ParameterDescription) {
    throw unexpected(message, Backend.ParameterDescription);
  }
  context.types.describeParameters(statement, readParameterDescription(message.reader));
  message = yield;
  if (message.tag === Backend.RowDescription) {
    context.types.describeColumns(statement, readRowDescription(message.reader));
  } else expect(message, Backend.NoData);
}

/** Takes a message without a body. @throws {ProtocolError} it is another one. */
export function expect(message: Message, tag: number): void {
  if (message.tag !== tag) throw unexpected(message, tag);
  message.reader.finish();
}

/** The violation of a message that comes where `wanted` was due. */
export function unexpected({ tag }: Message, wanted?: number): ProtocolError {
  const due = wanted === undefined ? "the end of a result" : backendName(wanted);
  return new ProtocolError(`${backendName(tag)} where ${due} was due`);
}
