/** A process whose handler hangs at the second transaction: `replicate_child.ts <login as JSON>`. */
import process from "node:process";
import { replicate } from "../../src/replication/replication.ts";

const login = JSON.parse(process.argv[2]!);
const slot = `s_${login.database.slice(2)}`;
let count = 0;
await replicate({ ...login, slot, publication: "p" }).run(async (tx) => {
  await tx.all();
  if (++count < 2) return;
  process.stdout.write("hangs\n");
  await new Promise(() => {});
});
