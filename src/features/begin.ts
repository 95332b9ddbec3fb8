/** BEGIN as it travels: in front of the first request of a transaction, with no Sync between the two. */
import type { Writer } from "../bytes/writer.ts";
import { readCommandTag } from "../protocol/backend.ts";
import { beginBind, endBind, EXECUTE_ALL, parse, sync } from "../protocol/frontend.ts";
import { Backend } from "../protocol/tags.ts";
import { expect, unexpected } from "../query/parse_describe.ts";
import type { Conversation, Message, Request } from "../session/exchange.ts";

/** BEGIN, in front of another request: without a Sync of its own. */
export class Beginning implements Request<void> {
  /** Whether it is to be sent still, or again, because it has failed. */
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

/** What stands in front of it is sent and answered by itself. */
export const NOTHING: Request<void> = {
  write: sync,
  *talk() {
    const message: Message = yield;
    if (message.tag !== Backend.ReadyForQuery) throw unexpected(message);
  },
};
