/** Connects with the options in its argument and prints the outcome, for connect_permitted.test.ts. */
import process from "node:process";
import { connect, PgError } from "../../mod.ts";

try {
  const db = await connect(JSON.parse(process.argv[2]!));
  await db.close();
  process.stdout.write("connected\n");
} catch (error) {
  const { name, message } = error as Error;
  process.stdout.write(`${error instanceof PgError ? name : `not ours: ${name}`}: ${message}\n`);
}
