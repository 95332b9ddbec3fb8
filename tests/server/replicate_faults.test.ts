/** Internal errors of the server amid a change stream, which may not come again. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import type { ReplicateOptions } from "../../src/replication/replication.ts";
import { failure } from "../_kit/outcomes.ts";
import { errorResponse, readyForQuery } from "../_kit/server_messages.ts";
import { idsOf, makeSlot, type Place, withPlace } from "./replicate_server.ts";

/** A message of reorderbuffer.c. */
const MESSAGE = 'could not map filenumber "base/5/16796" to relation OID';

const COPY_BOTH = "W".charCodeAt(0);

type Options = Partial<ReplicateOptions>;

/** A way to the server on which the first streams, of this number, end with an internal error. */
function faulty(place: Place, streams: number): { faults: number; options: Options } {
  const way = { faults: 0, options: { dial, reconnect: { maxDelay: 0.05 } } };
  async function dial(): Promise<unknown> {
    const { host, port } = place.login;
    const socket = connectSocket({ host: host as string, port: port as number, noDelay: true });
    await once(socket, "connect");
    const { readable, writable } = Duplex.toWeb(socket);
    return { readable: readable.pipeThrough(spoiling()), writable };
  }
  /** Replaces what follows CopyBothResponse, the answer to a command of its own. */
  function spoiling(): TransformStream<Uint8Array, Uint8Array> {
    let isSpoilt = false;
    return new TransformStream({
      transform(bytes, to) {
        if (isSpoilt) return;
        isSpoilt = bytes[0] === COPY_BOTH && way.faults < streams;
        if (!isSpoilt) return to.enqueue(bytes);
        way.faults++;
        const length = 1 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
        to.enqueue(bytes.subarray(0, length));
        to.enqueue(errorResponse({ M: MESSAGE }));
        to.enqueue(readyForQuery());
      },
    });
  }
  return way;
}

test("replication: a stream goes on after internal errors of the server", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.insert(1, 2);
    const way = faulty(place, 5);
    const seen: number[] = [];
    for await (const transaction of place.stream(way.options).transactions()) {
      seen.push(...await idsOf(transaction));
      if (seen.length === 2) break;
    }
    assert.deepEqual(seen, [1, 2]);
    assert.equal(way.faults, 5);
  }));

test("replication: a stream ends with an internal error that comes again and again", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    await place.insert(1);
    const way = faulty(place, Infinity);
    const error = await failure(place.stream(way.options).transactions().next());
    assert.equal(error.code, "XX000");
    assert.equal(error.message, MESSAGE);
    assert.equal(way.faults, 6);
  }));

test("replication: without reconnect an internal error ends a stream at once", () =>
  withPlace(async (place) => {
    await makeSlot(place);
    const way = faulty(place, Infinity);
    const error = await failure(
      place.stream({ ...way.options, reconnect: false }).transactions().next(),
    );
    assert.equal(error.code, "XX000");
  }));
