/** Replication streams of a scripted server: their beginning, their end, and a reader. */
import assert from "node:assert/strict";
import {
  connectReplication,
  type ReplicationConnection,
  type ReplicationStream,
  type StreamOptions,
} from "../../src/replication/replication.ts";
import { statusIn } from "../_kit/replication_messages.ts";
import {
  close,
  expect,
  expectClose,
  type Script,
  type ScriptedServer,
  send,
} from "../_kit/scripted_server.ts";
import {
  commandComplete,
  copyBothResponse,
  copyDone,
  dataRow,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { quietly, reach } from "./hostile.ts";

/** The server agrees, and the stream reports at once. */
export const STARTED: Script = [
  expect("Q"),
  send(copyBothResponse()),
  expect("d", (m) => void statusIn(m)),
];
export const ENDED: Script = [
  send(commandComplete("COPY 0"), commandComplete("START_REPLICATION"), readyForQuery()),
];
/** The client ends the stream. */
export const STOPPED: Script = [expect("c"), send(copyDone()), ENDED];
/** The connection answers a command, and closes. */
export const USABLE: Script = [
  expect("Q", ({ text }) => assert.equal(text, 'SHOW "x"')),
  send(rowDescription(["x"]), dataRow(["42"]), commandComplete("SHOW"), readyForQuery()),
  expectClose(),
];

export async function assertUsable(db: ReplicationConnection): Promise<void> {
  assert.equal(await db.show("x"), "42");
  await db.close();
}

/** Scripts by the number of the connection. */
type Scripts = (connection: number) => Script | undefined;

/**
 * Runs `body` against a scripted replication connection, in each mode of delivery. A machine that
 * is busy may take so long over the end of a stream that the walsender is cancelled as well.
 */
export function replicating(
  script: Script | Scripts,
  body: (server: ScriptedServer) => Promise<void>,
): Promise<void> {
  if (typeof script === "function") return quietly(script, body);
  return quietly((i) => i === 0 ? script : [expect("cancel"), close()], body);
}

/** Runs `body` on a logical stream, in each mode of delivery. */
export function streaming(
  script: Script | Scripts,
  body: (stream: ReplicationStream, db: ReplicationConnection, s: ScriptedServer) => Promise<void>,
  options: StreamOptions & { closeTimeout?: number; timeout?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const { closeTimeout, timeout, ...how } = options;
  return replicating(script, async (server) => {
    const db = await connectReplication({ ...reach(server), closeTimeout, timeout });
    try {
      await body(await db.startLogical("s", how), db, server);
    } finally {
      db.destroy();
    }
  });
}

export async function textsOf(stream: ReplicationStream): Promise<string[]> {
  const texts: string[] = [];
  for await (const { data } of stream) texts.push(new TextDecoder().decode(data));
  return texts;
}
