/** The common part of portals in transactions and outside of them. */
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError } from "../errors/errors.ts";
import { readCommandTag, type TransactionStatus } from "../protocol/backend.ts";
import { describe, parse } from "../protocol/frontend.ts";
import { Backend, Kind } from "../protocol/tags.ts";
import type { Message } from "../session/exchange.ts";
import { endCopy } from "./copy_guard.ts";
import type { Context } from "./context.ts";
import type { ExecuteOptions } from "./execute_options.ts";
import { bindKnown } from "./bind.ts";
import { expect, readDescription, unexpected } from "./parse_describe.ts";
import { type Reading, readingOf } from "./parsers.ts";
import { RowBuffer } from "./row_buffer.ts";
import type { Statement } from "./statement.ts";

/** An open portal. */
export interface Portal {
  /** The state in which a failure has left the session; `undefined`: the server has not refused anything. */
  readonly leftIn: TransactionStatus | undefined;
  /** Returns the next rows, at most `count`. One call at a time. */
  fetch(count: number): Promise<RowBuffer>;
  /** Closes the portal. Resolves when the session is free. Never rejects. */
  close(): Promise<void>;
  /** Stops the fetch that is under way, which then fails with `reason`. */
  cancel(reason: unknown): void;
}

/** The query of a portal. */
export interface PortalQuery {
  readonly context: Context;
  /** The statement; it is described, and its types are known. */
  readonly statement: Statement;
  readonly values: readonly unknown[];
  readonly options: ExecuteOptions;
}

/** Two buffers in turn: one is read while the other is filled. */
export class RowBuffers {
  readonly #pair: readonly [RowBuffer, RowBuffer];
  #at = 0;

  constructor(query: PortalQuery) {
    const { context: { session }, statement, options } = query;
    const decode = portalReading(query).decoder(options.rows ?? "object");
    const buffer = () => new RowBuffer(session.wire, statement.columns.length, decode);
    this.#pair = [buffer(), buffer()];
  }

  /** Returns the buffer for the next rows, which is the last but one. */
  next(): RowBuffer {
    this.#at ^= 1;
    return this.#pair[this.#at]!;
  }
}

/** Returns how the rows of a portal are read. */
function portalReading({ context, statement, options }: PortalQuery): Reading {
  return readingOf(statement, options, context.exactness.ofText);
}

/** The statement has been described, but what it depends on has changed since. */
export class OutdatedDescription extends InterfaceError {
  constructor() {
    super("the statement's description is outdated");
  }
}

/** Reports whether the portal is bound to a statement that has a name. */
export function isNamed({ statement }: PortalQuery): boolean {
  return statement.name !== "" && statement.state === "ready";
}

/**
 * Appends Bind; before it Parse and Describe, where the statement has no name.
 *
 * @throws {OutdatedDescription} the statement has to be described again.
 */
export function bindPortal(query: PortalQuery, out: Writer, portal: string): void {
  const { context, statement, values, options } = query;
  if (!context.cache.isCurrent(statement)) throw new OutdatedDescription();
  context.cache.sending(statement.text, options.lock);
  if (!isNamed(query)) {
    parse(out, "", statement.text, statement.parameters.map(({ oid }) => oid));
    describe(out, Kind.Statement, "");
  }
  const name = isNamed(query) ? statement.name : "";
  bindKnown(out, portal, name, statement, values, portalReading(query), options);
}

/**
 * Reads the replies to {@linkcode bindPortal}.
 *
 * @throws {OutdatedDescription} the result is not as it was described: another session has changed it.
 */
export function* bound(query: PortalQuery): Generator<undefined, void, Message> {
  if (!isNamed(query)) {
    expect(yield, Backend.ParseComplete);
    const { context, statement } = query;
    const now = context.cache.unnamed(statement.text, statement.declared, statement.types);
    yield* readDescription(context, now);
    const isSame = now.columns.length === statement.columns.length &&
      now.columns.every(({ typeOid }, i) => typeOid === statement.columns[i]!.typeOid);
    if (!isSame) throw new OutdatedDescription();
  }
  expect(yield, Backend.BindComplete);
}

/**
 * Returns the command tag of the message that ended an Execute, `""` for an empty query; `undefined` if
 * there may be more rows.
 */
export function endOf(
  message: Message,
  { context, statement }: PortalQuery,
  protocol: "simple" | "extended",
): string | undefined {
  switch (message.tag) {
    case Backend.PortalSuspended:
      return undefined;
    case Backend.CommandComplete: {
      const tag = readCommandTag(message.reader);
      if (statement.columns.length === 0) context.completed(tag);
      return tag;
    }
    case Backend.EmptyQueryResponse:
      return "";
    case Backend.CopyInResponse:
    case Backend.CopyOutResponse:
    case Backend.CopyBothResponse:
      throw endCopy(context.session, message.tag, protocol);
    default:
      throw unexpected(message);
  }
}
