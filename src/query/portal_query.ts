/** What the portals within transactions and outside of them have in common. */
import type { Writer } from "../bytes/writer.ts";
import type { TransactionStatus } from "../protocol/backend.ts";
import { parse } from "../protocol/frontend.ts";
import { Backend } from "../protocol/tags.ts";
import type { Message } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import { endCopy } from "./copy_guard.ts";
import type { ExecuteOptions, Executor } from "./execute.ts";
import { bindKnown } from "./execution.ts";
import { unexpected } from "./introduction.ts";
import { Piece } from "./piece.ts";
import type { Statement } from "./statement.ts";

/** An open portal. */
export interface Portal {
  /** The state in which its failure has left the session; `undefined`: it has not been told. */
  readonly leftIn: TransactionStatus | undefined;
  /** The next rows, at most `count`. One call at a time. */
  fetch(count: number): Promise<Piece>;
  /** Closes it; resolves when the session is free of it. Never rejects. */
  close(): Promise<void>;
  /** Stops what it does, which fails with `reason`. */
  cancel(reason: unknown): void;
}

/** What a portal is made of. */
export interface PortalQuery {
  readonly executor: Executor;
  /** Described already, its types learned. */
  readonly statement: Statement;
  readonly values: readonly unknown[];
  readonly options: ExecuteOptions;
}

/** The two pieces that there are at a time: one is read while the other comes. */
export class Pieces {
  readonly #pair: readonly [Piece, Piece];
  #at = 0;

  constructor({ executor: { session }, statement, options }: PortalQuery) {
    const decode = statement.decoder(options.rows ?? "object");
    const piece = () => new Piece(session.wire, statement.binaryColumns.length, decode);
    this.#pair = [piece(), piece()];
  }

  /** For the next rows; the piece before the one before is over. */
  next(): Piece {
    this.#at ^= 1;
    return this.#pair[this.#at]!;
  }
}

/** Parse, where the statement has no name, and Bind. */
export function bindPortal(
  { statement, values }: PortalQuery,
  out: Writer,
  portal: string,
): boolean {
  const isNamed = statement.name !== "" && statement.state === "ready";
  if (!isNamed) parse(out, "", statement.text, statement.parameters.map(({ oid }) => oid));
  bindKnown(out, portal, isNamed ? statement.name : "", statement, values);
  return isNamed;
}

/** Whether the message that ended an Execute says that there is no more. */
export function isLast(
  message: Message,
  session: Session,
  protocol: "simple" | "extended",
): boolean {
  switch (message.tag) {
    case Backend.PortalSuspended:
      return false;
    case Backend.CommandComplete:
    case Backend.EmptyQueryResponse:
      return true;
    case Backend.CopyInResponse:
    case Backend.CopyOutResponse:
    case Backend.CopyBothResponse:
      throw endCopy(session, message.tag, protocol);
    default:
      throw unexpected(message);
  }
}
