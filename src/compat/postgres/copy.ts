/** COPY as streams of Node. */
import { CopyIn } from "../../features/copy_in.ts";
import { CopyLock } from "../../features/copy_lock.ts";
import { copyDirection } from "../../query/copy_grammar.ts";
import type { QueryContext } from "../../query/query_context.ts";
import { CopyOutRequest } from "./copy_out.ts";
import { CopySource } from "./copy_source.ts";
import type { Readable, Writable } from "./node_library.ts";

/** The connection that a COPY uses. */
export interface CopyPlace {
  /** Whether a COPY runs. */
  isCopying: boolean;
  /** Returns the error for the program. */
  failure(error: unknown): unknown;
}

/** Runs a COPY. Resolves to the stream of its data when the server is ready for it. */
export function copyStream<P extends CopyPlace>(
  place: P,
  host: QueryContext,
  text: string,
  owner: { settled(place: P): void },
): Promise<Readable | Writable> {
  const direction = copyDirection(text);
  const ended = (): void => {
    place.isCopying = false;
    owner.settled(place);
  };
  return direction === "out" ? copyOut(place, host, text, ended) : copyIn(place, host, text, ended);
}

function copyIn(
  place: CopyPlace,
  host: QueryContext,
  text: string,
  ended: () => void,
): Promise<Writable> {
  const { session } = host.executor;
  return new Promise((resolve, reject) => {
    const source = new CopySource(resolve, () => {
      // Queries may wait for the end of a COPY that has all its data.
      lock.release();
      ended();
    });
    const copy = new CopyIn(session, text, source, undefined);
    const lock = new CopyLock(host, () => void session.cancel(copy));
    place.isCopying = true;
    lock.hold((held) => session.request(copy, { lock: held })).then(
      () => source.succeeded(),
      (error) => {
        const failure = copy.failure === undefined ? place.failure(error) : copy.failure.reason;
        source.failed(failure);
        reject(failure);
      },
    ).finally(ended);
  });
}

function copyOut(
  place: CopyPlace,
  host: QueryContext,
  text: string,
  ended: () => void,
): Promise<Readable> {
  const { session } = host.executor;
  return new Promise((resolve, reject) => {
    const copy = new CopyOutRequest(session, text, resolve);
    const lock = new CopyLock(host, () => copy.leave());
    place.isCopying = true;
    lock.hold((held) => session.request(copy, { lock: held })).then(
      () => copy.succeeded(),
      (error) => {
        const failure = place.failure(error);
        copy.failed(failure);
        reject(failure);
      },
    ).finally(ended);
  });
}
