import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Connection, type Transaction } from "../../mod.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";
import { behind, shared } from "./queries.ts";

const CONNECTIONS = 8;
const TRANSFERS = 40;
const ACCOUNTS = 4;

test("transfers under SERIALIZABLE with retries: money is conserved, no update is lost", {
  timeout: 120_000,
}, () =>
  withoutUnhandled(async () => {
    await behind(`drop table if exists transfer_account;
      create table transfer_account as select id, 1000 as sum, 0 as moves
        from generate_series(0, ${ACCOUNTS - 1}) id`);
    const dbs: Connection[] = [];
    let attempts = 0;
    const transfer = async (tx: Transaction, from: number, to: number): Promise<void> => {
      attempts++;
      const sum = async (id: number): Promise<number> =>
        await tx.query("select sum from transfer_account where id = $1", [id]).scalar<number>();
      const [has, gets] = [await sum(from), await sum(to)];
      const set = "update transfer_account set sum = $2, moves = moves + 1 where id = $1";
      await tx.batch([
        { text: set, parameters: [from, has - 1] },
        { text: set, parameters: [to, gets + 1] },
      ]);
    };
    const work = async (db: Connection, seed: number): Promise<void> => {
      for (let i = 0; i < TRANSFERS; i++) {
        const from = (seed + i) % ACCOUNTS;
        const to = (from + 1 + (i % (ACCOUNTS - 1))) % ACCOUNTS;
        const how = { isolation: "serializable", retries: 1000 } as const;
        await db.transaction((tx) => transfer(tx, from, to), how);
      }
    };
    try {
      for (let i = 0; i < CONNECTIONS; i++) dbs.push(await connect(await shared()));
      await Promise.all(dbs.map(work));
      const [row] = await dbs[0]!.query<{ sum: number; moves: number }>(
        "select sum(sum)::int as sum, sum(moves)::int as moves from transfer_account",
      );
      assert.equal(row!.sum, ACCOUNTS * 1000);
      assert.equal(row!.moves, CONNECTIONS * TRANSFERS * 2);
      assert.ok(attempts > CONNECTIONS * TRANSFERS, "nothing ever had to be retried");
    } finally {
      for (const db of dbs) await db.close();
      await behind("drop table transfer_account");
    }
  }));
