import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { createPool, type Pool, type Transaction } from "../../mod.ts";
import { behind, shared } from "../_kit/databases.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

const TRANSFERS = 1000;
const WORKERS = 32;
const CONNECTIONS = 8;
const ACCOUNTS = 16;
/** The initial sum of each account. */
const SUM = 1000;

/** The totals that are checked against the accounts at the end. */
interface Tally {
  /** Callbacks that were begun: those above the number of transfers were run again. */
  attempts: number;
  readonly moved: Map<number, number>;
}

/** Reads both balances, and writes what follows from them: right only if no other transaction was faster. */
async function transfer(tx: Transaction, from: number, to: number, sum: number): Promise<void> {
  const read = (id: number): Promise<number> =>
    tx.query("select sum from transfer_account where id = $1", [id]).scalar<number>();
  const [has, gets] = await Promise.all([read(from), read(to)]);
  const write = "update transfer_account set sum = $2, moves = moves + 1 where id = $1";
  await tx.batch([
    { text: write, parameters: [from, has - sum] },
    { text: write, parameters: [to, gets + sum] },
  ]);
}

/** Makes transfers until none are left. */
async function work(pool: Pool, left: { count: number }, tally: Tally): Promise<void> {
  while (left.count > 0) {
    const i = left.count--;
    const from = i % ACCOUNTS;
    const to = (from + 1 + (i * 7) % (ACCOUNTS - 1)) % ACCOUNTS;
    const sum = 1 + i % 5;
    await pool.transaction((tx) => {
      tally.attempts++;
      return transfer(tx, from, to, sum);
    }, { isolation: "serializable", retries: 1000 });
    tally.moved.set(from, (tally.moved.get(from) ?? 0) - sum);
    tally.moved.set(to, (tally.moved.get(to) ?? 0) + sum);
  }
}

test(
  `${TRANSFERS} transfers by ${WORKERS} workers over ${CONNECTIONS} connections, serializable: money is conserved, no update is lost`,
  {
    timeout: 120_000,
  },
  () =>
    withoutUnhandled(async () => {
      await behind(`drop table if exists transfer_account;
      create table transfer_account as select id, ${SUM} as sum, 0 as moves
        from generate_series(0, ${ACCOUNTS - 1}) id`);
      const pool = createPool(await shared(), { max: CONNECTIONS });
      const tally: Tally = { attempts: 0, moved: new Map() };
      try {
        const left = { count: TRANSFERS };
        await Promise.all(Array.from({ length: WORKERS }, () => work(pool, left, tally)));
        const accounts = await pool.query<{ id: number; sum: number; moves: number }>(
          "select id, sum, moves from transfer_account order by id",
        );
        for (const { id, sum } of accounts) assert.equal(sum, SUM + (tally.moved.get(id) ?? 0));
        const total = accounts.reduce((all, { sum }) => all + sum, 0);
        assert.equal(total, ACCOUNTS * SUM);
        const moves = accounts.reduce((all, account) => all + account.moves, 0);
        assert.equal(moves, 2 * TRANSFERS);
        const retries = tally.attempts - TRANSFERS;
        assert.ok(retries > 0, "nothing ever had to be retried");
        assert.equal(pool.stats().total, CONNECTIONS);
        process.stdout.write(
          `# transfers: ${TRANSFERS} by ${WORKERS} workers over ${CONNECTIONS} connections, ${retries} retries\n`,
        );
      } finally {
        await pool.close();
        await behind("drop table transfer_account");
      }
    }),
);
