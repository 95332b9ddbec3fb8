import { EventEmitter } from "../node.ts";
import type { Stream, TlsFacts } from "../../runtime/runtime.ts";

/** The wire of a session, as far as a stream shows it. */
interface ShownWire {
  readonly stream: Stream;
  readonly tls: TlsFacts | undefined;
}

/**
 * The part of a socket that others use on a client's connection: its end, and facts about TLS. No bytes
 * pass through it. An `error` that is emitted on it ends the connection.
 */
export class ConnectionStream extends EventEmitter {
  /** Whether the connection was ended by `destroy()`. */
  destroyed = false;
  readonly #wire: () => ShownWire | undefined;
  readonly #destroy: (error?: Error) => void;

  /** Creates a stream for the connection that `wire` returns, once it is open. */
  constructor(wire: () => ShownWire | undefined, destroy: (error?: Error) => void) {
    super();
    this.#wire = wire;
    this.#destroy = destroy;
    this.on("error", (error: Error) => this.destroy(error));
    this.on("close", () => this.destroy());
  }

  /** Whether the connection is encrypted. */
  get encrypted(): boolean {
    return this.#wire()?.tls !== undefined;
  }

  /** The protocol that ALPN agreed on; `false` for none. */
  get alpnProtocol(): string | false {
    return this.#wire()?.tls?.alpn || false;
  }

  /** Whether the connection is open. */
  get writable(): boolean {
    return !this.destroyed && this.#wire() !== undefined;
  }

  /** Ends the connection at once; `error` is the reason. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.#destroy(error);
    return this;
  }

  /** Does nothing: the driver joins the writes of one turn. */
  cork(): void {}

  /** Does nothing. */
  uncork(): void {}

  /** Keeps the process alive while the connection is open. */
  ref(): this {
    this.#wire()?.stream.ref();
    return this;
  }

  /** Lets the process end while the connection is open. */
  unref(): this {
    this.#wire()?.stream.unref();
    return this;
  }
}
