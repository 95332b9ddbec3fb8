import type { Peer, Settings } from "../peer.ts";
import { openSocket, type Socket } from "./floor_socket.ts";

const UTF8 = new TextEncoder();
const DATA_ROW = "D".charCodeAt(0);
const ERROR_RESPONSE = "E".charCodeAt(0);
const READY_FOR_QUERY = "Z".charCodeAt(0);

/**
 * The least that any driver must do: requests encoded beforehand and written to a socket, one write for
 * all that are made in the same turn, and replies counted by their headers without being read.
 */
export function floor(): Peer {
  const statements = new Map<string, Map<readonly unknown[], Uint8Array>>();
  const waiting: ((length: number) => void)[] = [];
  let socket: Socket;
  let pending: Uint8Array[] = [];

  const flush = (): void => {
    const requests = pending;
    pending = [];
    socket.write(requests.length === 1 ? requests[0]! : concat(requests));
  };
  const send = (request: Uint8Array): Promise<{ length: number }> => {
    if (pending.push(request) === 1) queueMicrotask(flush);
    return new Promise((resolve) => waiting.push((length) => resolve({ length })));
  };
  return {
    name: "floor",
    async connect(settings) {
      socket = await openSocket(settings, replyCounter((rows) => waiting.shift()?.(rows)));
      await send(startup(settings));
    },
    async query(text, parameters) {
      let requests = statements.get(text);
      if (requests === undefined) {
        statements.set(text, requests = new Map());
        await send(concat([parse(`s${statements.size}`, text), message("S")]));
      }
      let request = requests.get(parameters);
      if (request === undefined) {
        const name = `s${[...statements.keys()].indexOf(text) + 1}`;
        requests.set(parameters, request = execute(name, parameters));
      }
      return await send(request);
    },
    close: () => Promise.resolve(socket.close()),
  };
}

/** Steps from header to header and calls `ready` at each ReadyForQuery with the rows before it. */
function replyCounter(ready: (rows: number) => void): (chunk: Uint8Array) => void {
  const header = new Uint8Array(5);
  const length = new DataView(header.buffer);
  let have = 0;
  let skip = 0;
  let rows = 0;
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
      if (header[0] === DATA_ROW) rows++;
      else if (header[0] === ERROR_RESPONSE) throw new Error("the server reported an error");
      else if (header[0] === READY_FOR_QUERY) {
        ready(rows);
        rows = 0;
      }
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
