/**
 * Parse and Describe of a statement, and before them Close of those that are not used any more.
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

/** One Parse and the Describe behind it. */
export class ParseDescribe {
  readonly statement: Statement;
  readonly #context: Context;
  readonly #store: StatementStore | undefined;
  /** Names of the statements that are closed before. */
  readonly #closed: readonly string[];

  /**
   * Appends the messages. The statement has a name if there is a `store` and room in it.
   *
   * @throws {InterfaceError} the text is a COPY or contains a zero byte. Nothing is stored then.
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

  /** Reads the replies. The statement is ready then, or not stored any more. */
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

  /** Takes back what was stored of messages that were not sent, or that the server has skipped. */
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

/** Returns the violation of a message that comes where `wanted` is due. */
export function unexpected({ tag }: Message, wanted?: number): ProtocolError {
  const due = wanted === undefined ? "the end of a result" : backendName(wanted);
  return new ProtocolError(`${backendName(tag)} where ${due} was due`);
}
