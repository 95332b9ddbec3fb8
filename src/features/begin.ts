/** BEGIN on the wire: it stands in front of the first request of a transaction, without a Sync. */
import type { Writer } from "../bytes/writer.ts";
import { readCommandTag } from "../protocol/backend.ts";
import { beginBind, endBind, EXECUTE_ALL, parse, sync } from "../protocol/frontend.ts";
import { Backend } from "../protocol/tags.ts";
import { expect, unexpected } from "../query/parse_describe.ts";
import type { Conversation, Message, Request } from "../session/exchange.ts";

/** A BEGIN that precedes another request. It has no Sync of its own. */
export class Beginning implements Request<void> {
  /** Whether BEGIN has to be sent: it was not sent yet, or has failed. */
  isDue = true;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  write(out: Writer): void {
    parse(out, "", this.#text, []);
    const at = beginBind(out, "", "");
    out.int16(0);
    out.int16(0);
    endBind(out, at, []);
    out.bytes(EXECUTE_ALL);
  }

  *talk(): Conversation<void> {
    this.isDue = false;
    let isBegun = false;
    try {
      expect(yield, Backend.ParseComplete);
      expect(yield, Backend.BindComplete);
      const message: Message = yield;
      if (message.tag !== Backend.CommandComplete) throw unexpected(message);
      readCommandTag(message.reader);
      isBegun = true;
    } finally {
      this.isDue = !isBegun;
    }
  }
}

/** A request that does nothing, to send a prelude and receive its answer. */
export const NOTHING: Request<void> = {
  write: sync,
  *talk() {
    const message: Message = yield;
    if (message.tag !== Backend.ReadyForQuery) throw unexpected(message);
  },
};
