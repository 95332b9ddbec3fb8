// deno-lint-ignore-file no-console -- programs print to their caller
/** The program that is bundled: it queries a server by one connection and by a pool. */
import { connect, createPool } from "@cornac/pg";

const options = JSON.parse(globalThis.process.env.CORNAC_OPTIONS);

async function main() {
  const db = await connect(options);
  const row = await db.query("select $1::int + 1 as n, $2::text as t", [41, "ä"]).one();
  await db.close();
  const pool = createPool(options, { max: 2 });
  const all = await Promise.all([1, 2, 3].map((n) => pool.query("select $1::int", [n]).scalar()));
  await pool.close();
  console.log(JSON.stringify([row, all]));
}

main().catch((error) => {
  console.error(error);
  globalThis.process.exitCode = 1;
});
