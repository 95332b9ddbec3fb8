/**
 * Moves money between accounts from two connections at once. The isolation level SERIALIZABLE makes
 * each transfer come out as if it were alone; one that could not be is run again.
 *
 * Prints:
 *
 * ```
 * 40 transfers, … of them run more than once
 * the accounts hold 200.00 together
 * too much: the account cannot go below zero
 * ```
 */
import { connect, type Connection, IntegrityError } from "../mod.ts";

const [one, two] = await Promise.all([connect(), connect()]);
try {
  await one.query(`
    drop table if exists purses;
    create table purses (id int primary key, balance numeric(12, 2) not null check (balance >= 0));
    insert into purses values (1, 100), (2, 100);`).simple();

  let again = 0;
  const work = async (db: Connection, from: number, to: number): Promise<void> => {
    for (let i = 0; i < 20; i++) if (await transfer(db, from, to, "1.50") > 1) again++;
  };
  await Promise.all([work(one, 1, 2), work(two, 2, 1)]);
  say(`40 transfers, ${again} of them run more than once`);
  say(`the accounts hold ${await one.query("select sum(balance) from purses").scalar()} together`);

  try {
    await transfer(one, 1, 2, "1000");
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    say("too much: the account cannot go below zero");
  }
} finally {
  await one.query("drop table if exists purses");
  await Promise.all([one.close(), two.close()]);
}

/** Resolves to how often it was tried. Amounts are strings: a number would be rounded. */
async function transfer(
  db: Connection,
  from: number,
  to: number,
  amount: string,
): Promise<number> {
  let attempts = 0;
  await db.transaction(async (tx) => {
    attempts++;
    // Sent together, answered in order
    await Promise.all([
      tx.sql`update purses set balance = balance - ${amount} where id = ${from}`,
      tx.sql`update purses set balance = balance + ${amount} where id = ${to}`,
    ]);
  }, { isolation: "serializable", retries: 50 });
  return attempts;
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
