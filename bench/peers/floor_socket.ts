import { connect as connectNode } from "node:net";
import type { Settings } from "../peer.ts";

/** The least of a socket: it sends, and gives what it receives to one function. */
export interface Socket {
  /** The bytes are the socket's until they have left. */
  write(bytes: Uint8Array): void;
  close(): void;
}

type Receive = (chunk: Uint8Array) => void;

interface BunSocket {
  write(bytes: Uint8Array): number;
  end(): void;
  setNoDelay(on: boolean): void;
}

interface BunSockets {
  connect(options: object): Promise<BunSocket>;
}

const CHUNK = 65536;

/** Opens the fastest socket that this runtime has. */
export function openSocket(settings: Settings, receive: Receive): Promise<Socket> {
  const { Deno, Bun } = globalThis as unknown as { Deno?: unknown; Bun?: BunSockets };
  if (Bun !== undefined) return openBun(Bun, settings, receive);
  return Deno === undefined ? openNode(settings, receive) : openDeno(settings, receive);
}

async function openDeno({ host, port }: Settings, receive: Receive): Promise<Socket> {
  const conn = await Deno.connect({ hostname: host, port });
  conn.setNoDelay(true);
  const buffer = new Uint8Array(CHUNK);
  const read = async (): Promise<void> => {
    for (let n; (n = await conn.read(buffer)) !== null;) receive(buffer.subarray(0, n));
  };
  read().catch((error) => {
    if (!(error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted)) {
      throw error;
    }
  });
  return {
    write: (bytes) => void conn.write(bytes).then((n) => requireAll(n, bytes)),
    close: () => conn.close(),
  };
}

async function openBun(Bun: BunSockets, settings: Settings, receive: Receive): Promise<Socket> {
  const socket = await Bun.connect({
    hostname: settings.host,
    port: settings.port,
    socket: { data: (_: BunSocket, chunk: Uint8Array) => receive(chunk) },
  });
  socket.setNoDelay(true);
  return {
    write: (bytes) => requireAll(socket.write(bytes), bytes),
    close: () => socket.end(),
  };
}

/** The requests are too small to meet a full socket buffer; if one does, the figure is worthless. */
function requireAll(written: number, bytes: Uint8Array): void {
  if (written !== bytes.length) throw new Error("the floor's socket took only a part");
}

function openNode({ host, port }: Settings, receive: Receive): Promise<Socket> {
  const buffer = new Uint8Array(CHUNK);
  const callback = (count: number): boolean => {
    receive(buffer.subarray(0, count));
    return true;
  };
  const socket = connectNode({ host, port, noDelay: true, onread: { buffer, callback } });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => {
      resolve({ write: (bytes) => void socket.write(bytes), close: () => void socket.destroy() });
    });
  });
}
