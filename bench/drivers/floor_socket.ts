import { connect as connectNode, type Socket as NodeSocket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Settings } from "../peer.ts";

/** The least of a socket: it sends, and gives what it receives to one function. */
export interface Socket {
  /** Sends a request that fits in the buffer of the system. The bytes are the socket's until they have left. */
  write(bytes: Uint8Array): void;
  /** Sends bytes of any number. */
  writeAll(bytes: Uint8Array): Promise<void>;
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
const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);

/** Opens the fastest socket that this runtime has. */
export function openSocket(settings: Settings, receive: Receive): Promise<Socket> {
  const { Deno, Bun } = globalThis as unknown as { Deno?: unknown; Bun?: BunSockets };
  if (Deno !== undefined) return openDeno(settings, receive);
  if (settings.ca !== undefined) return openTls(settings, settings.ca, receive);
  return Bun === undefined ? openNode(settings, receive) : openBun(Bun, settings, receive);
}

async function openDeno({ host, port, ca }: Settings, receive: Receive): Promise<Socket> {
  const plain = await Deno.connect({ hostname: host, port });
  plain.setNoDelay(true);
  const buffer = new Uint8Array(CHUNK);
  let conn: Deno.Conn = plain;
  if (ca !== undefined) {
    await plain.write(SSL_REQUEST);
    await plain.read(buffer.subarray(0, 1));
    conn = await Deno.startTls(plain, { hostname: host, caCerts: [ca] });
  }
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
    async writeAll(bytes) {
      for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
    },
    close: () => conn.close(),
  };
}

async function openBun(Bun: BunSockets, settings: Settings, receive: Receive): Promise<Socket> {
  let wake = (): void => {};
  const socket = await Bun.connect({
    hostname: settings.host,
    port: settings.port,
    socket: {
      data: (_: BunSocket, chunk: Uint8Array) => receive(chunk),
      drain: () => wake(),
    },
  });
  socket.setNoDelay(true);
  return {
    write: (bytes) => requireAll(socket.write(bytes), bytes),
    async writeAll(bytes) {
      for (let at = 0; at < bytes.length;) {
        const drained = new Promise<void>((resolve) => wake = resolve);
        at += socket.write(bytes.subarray(at));
        if (at < bytes.length) await drained;
      }
    },
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
  return once(connectNode({ host, port, noDelay: true, onread: { buffer, callback } }), "connect");
}

async function openTls({ host, port }: Settings, ca: string, receive: Receive): Promise<Socket> {
  const plain = connectNode({ host, port, noDelay: true });
  await new Promise((resolve) => plain.once("connect", resolve));
  plain.write(SSL_REQUEST);
  await new Promise((resolve) => plain.once("data", resolve));
  const socket = connectTls({ socket: plain, ca, host });
  socket.on("data", receive);
  return await once(socket, "secureConnect");
}

function once(socket: NodeSocket, event: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once(event, () => {
      resolve({
        write: (bytes) => void socket.write(bytes),
        async writeAll(bytes) {
          if (!socket.write(bytes)) await new Promise((drained) => socket.once("drain", drained));
        },
        close: () => void socket.destroy(),
      });
    });
  });
}
