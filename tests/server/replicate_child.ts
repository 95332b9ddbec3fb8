/**
 * A process that reads a change stream: `replicate_child.ts <login as JSON> [how it leaves]`. Without the
 * second argument its handler hangs at the second transaction.
 */
import process from "node:process";
import { replicate } from "../../src/replication/replication.ts";

const [login, how] = [JSON.parse(process.argv[2]!), process.argv[3]];
const stop = new AbortController();
const slot = `s_${login.database.slice(2)}`;
const stream = replicate({ ...login, slot, publication: "p", signal: stop.signal });

if (how === undefined) await hang();
else await leave(how).finally(() => process.stdout.write("left\n"));

async function hang(): Promise<void> {
  let count = 0;
  await stream.run(async (tx) => {
    await tx.all();
    if (++count < 2) return;
    process.stdout.write("hangs\n");
    await new Promise(() => {});
  });
}

async function leave(how: string): Promise<void> {
  const mine = new Error("mine");
  try {
    for await (const tx of stream.transactions()) {
      await tx.all();
      if (how === "break") break;
      if (how === "throw") throw mine;
      if (how === "signal") stop.abort();
      if (how === "close") void stream.close();
    }
  } catch (error) {
    if (error !== mine) throw error;
  }
}
