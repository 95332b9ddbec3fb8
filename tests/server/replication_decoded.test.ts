/** Decoded messages of the low layer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type ConnectOptions } from "../../mod.ts";
import {
  connectReplication,
  type LogicalMessage,
  testDecoding,
} from "../../src/replication/replication.ts";
import { shared } from "../_kit/databases.ts";

const NAME = `repl_decoded_${Date.now().toString(36)}`;

/** The number of slots so far. */
let slots = 0;

async function messages(
  options: ConnectOptions,
  plugin: ReturnType<typeof testDecoding> | undefined,
): Promise<LogicalMessage[]> {
  const { signal: _, replication: __, ...login } = await shared(options);
  await using db = await connect(login);
  await using wal = await connectReplication(login);
  // The server drops a temporary slot some time after its connection has ended.
  const slot = `${NAME}_${slots++}`;
  await wal.createSlot(slot, { temporary: true, plugin: plugin?.name });
  await db.query(`insert into ${NAME} values (1, 'fine', array['fine']::${NAME}_mood[])`);
  const stream = await wal.startDecoded(slot, { publications: [NAME], plugin });
  const kept: LogicalMessage[] = [];
  for await (const message of stream) {
    kept.push(message);
    if (message.kind !== "commit") continue;
    stream.status({ flushed: message.endLsn });
    break;
  }
  return kept;
}

test("replication: startDecoded() yields messages with rows in the types of queries", async () => {
  await using db = await connect(await shared());
  await db.query(`create type ${NAME}_mood as enum ('fine')`);
  await db.query(`create table ${NAME} (id int primary key, m ${NAME}_mood, a ${NAME}_mood[])`);
  await db.query(`create publication ${NAME} for table ${NAME}`);
  try {
    for (const plugin of [undefined, testDecoding()]) {
      for (const rows of ["object", "array"] as const) {
        const kept = await messages({ rows }, plugin);
        const insert = kept.find(({ kind }) => kind === "insert") as { new: unknown };
        const row = { id: 1, m: "fine", a: ["fine"] };
        assert.deepEqual(insert.new, rows === "object" ? row : Object.values(row));
        assert.deepEqual([kept[0]!.kind, kept.at(-1)!.kind], ["begin", "commit"]);
        await db.query(`delete from ${NAME}`);
      }
    }
  } finally {
    await db.query(`drop publication ${NAME}; drop table ${NAME}; drop type ${NAME}_mood`).simple();
  }
});
