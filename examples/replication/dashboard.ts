/**
 * A live dashboard: a page that shows the orders of a shop as they are made, by server-sent events.
 *
 * One change stream serves all browsers. `handler` takes the place of a route in any server that speaks
 * `Request` and `Response`: `Deno.serve(dashboard.handler)`, `Bun.serve({ fetch: dashboard.handler })`.
 */
import { replicate, type ReplicateOptions } from "../../src/replication/replication.ts";

/** The browsers that look at the dashboard, and the stream that they follow. */
export class Dashboard {
  readonly #browsers = new Set<ReadableStreamDefaultController<Uint8Array>>();
  readonly #encoder = new TextEncoder();
  #sum = 0;
  #count = 0;

  /** Follows the orders until the options' signal aborts. */
  async follow(options: Partial<ReplicateOptions>): Promise<void> {
    const changes = replicate({
      slot: "dashboard",
      publication: {
        name: "dashboard",
        create: { tables: ["public.orders"], publish: ["insert"] },
      },
      snapshot: "initial",
      ...options,
    });
    for await (const change of changes) {
      if (change.kind !== "insert" && change.kind !== "snapshot") continue;
      this.#sum += Number(change.new.total);
      this.#count++;
      this.#tell();
    }
    for (const browser of this.#browsers) browser.close();
  }

  /** Answers a request: the page, or the events that it listens to. */
  readonly handler = (request: Request): Response => {
    const { pathname } = new URL(request.url);
    if (pathname !== "/events") {
      return new Response(PAGE, { headers: { "content-type": "text/html" } });
    }
    let own: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        this.#browsers.add(own);
        own.enqueue(this.#event());
      },
      cancel: () => void this.#browsers.delete(own),
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    });
  };

  #tell(): void {
    for (const browser of this.#browsers) {
      // A browser that does not read gets the next sum that it has room for.
      if ((browser.desiredSize ?? 0) > -64) browser.enqueue(this.#event());
    }
  }

  #event(): Uint8Array {
    const state = { orders: this.#count, sum: this.#sum };
    return this.#encoder.encode(`data: ${JSON.stringify(state)}\n\n`);
  }
}

const PAGE = `<!doctype html>
<title>Orders</title>
<p><output id="orders">0</output> orders, <output id="sum">0</output> in all</p>
<script>
  new EventSource("/events").onmessage = ({ data }) => {
    const state = JSON.parse(data);
    for (const name in state) document.getElementById(name).textContent = state[name];
  };
</script>
`;
