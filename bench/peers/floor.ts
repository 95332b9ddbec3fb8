import { openSocket, type Socket } from "../drivers/floor_socket.ts";
import type { Client, Parameters, Peer, Rows, Settings } from "../peer.ts";

const UTF8 = new TextEncoder();
const DATA_ROW = "D".charCodeAt(0);
const COPY_DATA = "d".charCodeAt(0);
const ERROR_RESPONSE = "E".charCodeAt(0);
const READY_FOR_QUERY = "Z".charCodeAt(0);

/**
 * The least that any driver must do: requests encoded beforehand and written to a socket, one write for
 * all that are made in the same turn, and replies counted by their headers without being read.
 */
export default function floor(): Peer {
  return {
    name: "floor",
    decodes: false,
    takesPassword: false,
    async connect(settings) {
      const counted: Counted = { rows: 0, bytes: 0 };
      const waiting: ((counted: Counted) => void)[] = [];
      const socket = await openSocket(
        settings,
        replyCounter(counted, () => {
          waiting.shift()!({ ...counted });
          counted.rows = counted.bytes = 0;
        }),
      );
      const line = new Line(socket, waiting);
      await line.send(startup(settings));
      return clientOf(line);
    },
  };
}

/** Rows and bytes of CopyData before a ReadyForQuery. */
interface Counted {
  rows: number;
  bytes: number;
}

/** Sends requests and waits for a ReadyForQuery for each. */
class Line {
  readonly socket: Socket;
  readonly #waiting: ((counted: Counted) => void)[];
  #pending: Uint8Array[] = [];

  constructor(socket: Socket, waiting: ((counted: Counted) => void)[]) {
    this.socket = socket;
    this.#waiting = waiting;
  }

  send(request: Uint8Array): Promise<Counted> {
    if (this.#pending.push(request) === 1) queueMicrotask(() => this.#flush());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #flush(): void {
    const requests = this.#pending;
    this.#pending = [];
    this.socket.write(requests.length === 1 ? requests[0]! : concat(requests));
  }
}

function clientOf(line: Line): Client {
  const statements = new Map<string, Map<Parameters, Uint8Array>>();
  const copies = new Map<readonly string[], Uint8Array[]>();
  const query = async (text: string, parameters: Parameters): Promise<Rows> => {
    let requests = statements.get(text);
    if (requests === undefined) {
      statements.set(text, requests = new Map());
      await line.send(concat([parse(`s${statements.size}`, text), message("S")]));
    }
    let request = requests.get(parameters);
    if (request === undefined) {
      const name = `s${[...statements.keys()].indexOf(text) + 1}`;
      requests.set(parameters, request = execute(name, parameters));
    }
    return { length: (await line.send(request)).rows };
  };
  return {
    query,
    many: (text, sets) => Promise.all(sets.map((set) => query(text, set))),
    async copyIn(text, chunks) {
      let messages = copies.get(chunks);
      if (messages === undefined) {
        messages = chunks.map((chunk) => message("d", UTF8.encode(chunk)));
        copies.set(chunks, messages);
      }
      const done = line.send(message("Q", UTF8.encode(`${text}\0`)));
      await Promise.resolve();
      for (const one of messages) await line.socket.writeAll(one);
      await line.socket.writeAll(message("c"));
      await done;
    },
    copyOut: async (text) => (await line.send(message("Q", UTF8.encode(`${text}\0`)))).bytes,
    iterate: async (text, parameters) => (await query(text, parameters)).length,
    batches: async (text, parameters) => (await query(text, parameters)).length,
    close: () => Promise.resolve(line.socket.close()),
  };
}

/** Steps from header to header, counts rows and data, and calls `ready` at each ReadyForQuery. */
function replyCounter(counted: Counted, ready: () => void): (chunk: Uint8Array) => void {
  const header = new Uint8Array(5);
  const length = new DataView(header.buffer);
  let have = 0;
  let skip = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      if (skip > 0) {
        const step = Math.min(skip, chunk.length - at);
        at += step;
        skip -= step;
        continue;
      }
      header[have++] = chunk[at++]!;
      if (have < 5) continue;
      have = 0;
      skip = length.getInt32(1) - 4;
      if (header[0] === DATA_ROW) counted.rows++;
      else if (header[0] === COPY_DATA) counted.bytes += skip;
      else if (header[0] === ERROR_RESPONSE) throw new Error("the server reported an error");
      else if (header[0] === READY_FOR_QUERY) ready();
    }
  };
}

function startup({ user, database }: Settings): Uint8Array {
  const version = new Uint8Array([0, 3, 0, 0]);
  const text = UTF8.encode(`user\0${user}\0database\0${database}\0\0`);
  return concat([int32(4 + version.length + text.length), version, text]);
}

function parse(name: string, text: string): Uint8Array {
  return message("P", UTF8.encode(`${name}\0${text}\0`), int16(0));
}

/** Bind (parameters in text, results in binary), Execute and Sync. */
function execute(name: string, parameters: readonly unknown[]): Uint8Array {
  const values = parameters.map((value) => UTF8.encode(String(value)));
  const bind = message(
    "B",
    UTF8.encode(`\0${name}\0`),
    int16(0),
    int16(values.length),
    ...values.flatMap((value) => [int32(value.length), value]),
    int16(1),
    int16(1),
  );
  return concat([bind, message("E", new Uint8Array(5)), message("S")]);
}

function message(tag: string, ...parts: Uint8Array[]): Uint8Array {
  const body = concat(parts);
  return concat([UTF8.encode(tag), int32(body.length + 4), body]);
}

function int16(value: number): Uint8Array {
  return new Uint8Array([value >> 8, value]);
}

function int32(value: number): Uint8Array {
  return new Uint8Array([value >> 24, value >> 16, value >> 8, value]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
