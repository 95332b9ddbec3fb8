/** What happens on the wire while connecting, seen from the driver's side of a runtime's streams. */
import type {
  Address,
  DialOptions,
  Runtime,
  Signal,
  Sink,
  Stream,
  TlsFacts,
  TlsSettings,
} from "../../mod.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";

/** `connect`, `sslrequest`, `tls` or `tls failed`, `startup`; by connection, in order. */
export type Event = "connect" | "sslrequest" | "tls" | "tls failed" | "startup" | "cancel";

/** This runtime, and what it was told to do. */
export interface Watched {
  readonly runtime: Runtime;
  /** One list for each connection. */
  readonly connections: Event[][];
  /** Where each of them, and each that failed, was to go. */
  readonly addresses: string[];
}

/** Watches every connection that is dialled with the runtime it returns. */
export async function watched(): Promise<Watched> {
  const here = await detectRuntime();
  const connections: Event[][] = [];
  const addresses: string[] = [];
  const connect = async (address: Address, options: DialOptions): Promise<Stream> => {
    const events: Event[] = ["connect"];
    addresses.push(address.kind === "tcp" ? address.host : address.path);
    const stream = await here.connect(address, options);
    connections.push(events);
    return new WatchedStream(stream, events);
  };
  return { runtime: { ...here, connect }, connections, addresses };
}

class WatchedStream implements Stream {
  readonly #stream: Stream;
  readonly #events: Event[];

  constructor(stream: Stream, events: Event[]) {
    this.#stream = stream;
    this.#events = events;
  }

  get kind(): Stream["kind"] {
    return this.#stream.kind;
  }

  get remoteAddress(): string | undefined {
    return this.#stream.remoteAddress;
  }

  start(sink: Sink): void {
    this.#stream.start(sink);
  }

  resume(): void {
    this.#stream.resume();
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (!this.#events.includes("startup")) this.#events.push(firstEvent(bytes));
    return this.#stream.write(bytes);
  }

  canSecure(tls: TlsSettings): boolean {
    return this.#stream.canSecure(tls);
  }

  async secure(tls: TlsSettings, signal?: Signal): Promise<TlsFacts> {
    try {
      const facts = await this.#stream.secure(tls, signal as AbortSignal | undefined);
      this.#events.push("tls");
      return facts;
    } catch (error) {
      this.#events.push("tls failed");
      throw error;
    }
  }

  closeWrite(): Promise<void> {
    return this.#stream.closeWrite();
  }

  close(): Promise<void> {
    return this.#stream.close();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  ref(): void {
    this.#stream.ref();
  }

  unref(): void {
    this.#stream.unref();
  }
}

/** By the code that stands where a StartupMessage has its version. */
function firstEvent(bytes: Uint8Array): Event {
  const code = new DataView(bytes.buffer, bytes.byteOffset).getInt32(4);
  return code === 80877103 ? "sslrequest" : code === 80877102 ? "cancel" : "startup";
}
