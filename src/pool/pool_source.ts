import { own } from "../errors/own.ts";
import type { HostLoan, QueryContext } from "../query/query_context.ts";
import type { ConnectionLender, Purpose } from "../query/query_source.ts";
import { Templates } from "../query/template.ts";
import type { JsonFunctions } from "../types/scalars.ts";
import type { Borrower, Need } from "./borrower.ts";
import type { PoolTexts } from "./pool_texts.ts";
import type { Kind } from "./waiting_list.ts";

/** How a pool lends for each purpose. Without a `kind` the text decides whether others may share. */
const USES: Readonly<Record<Purpose["use"], { kind?: Kind; isQuery: boolean }>> = {
  query: { isQuery: true },
  describe: { kind: "shared", isQuery: true },
  simple: { kind: "held", isQuery: true },
  stream: { kind: "held", isQuery: false },
  prepare: { kind: "shared", isQuery: false },
  batch: { kind: "held", isQuery: false },
  executeMany: { kind: "held", isQuery: false },
};

/** Lends a pool's connections to its queries. */
export class PoolSource implements ConnectionLender {
  readonly templates: Templates = new Templates();
  readonly stringify: JsonFunctions["stringify"] | undefined;
  readonly #borrower: Borrower;
  readonly #texts: PoolTexts;

  constructor(borrower: Borrower, texts: PoolTexts, json: JsonFunctions | undefined) {
    this.#borrower = borrower;
    this.#texts = texts;
    this.stringify = json?.stringify;
  }

  site(use: Purpose["use"]): Error | undefined {
    return use === "query" ? this.#borrower.site() : this.#borrower.place(use);
  }

  lend<T>(purpose: Purpose, work: (host: QueryContext) => Promise<T>): Promise<T> {
    return this.#borrower.lend(this.#need(purpose), (_, host) => work(host));
  }

  take(purpose: Purpose): Promise<HostLoan> {
    return this.#borrower.take(this.#need(purpose));
  }

  #need({ use, text, options, site }: Purpose): Need {
    const { parameterTypes, signal } = own(options);
    const { kind = this.#texts.kindOf(text as string, parameterTypes), isQuery } = USES[use];
    const refusal = typeof text === "string"
      ? this.#texts.refusalOf(text)
      : this.#texts.refusalOfBatch(text);
    const place = isQuery || site !== undefined ? site : this.#borrower.place(use);
    return { kind, signal, site: place, isQuery, refusal };
  }
}
