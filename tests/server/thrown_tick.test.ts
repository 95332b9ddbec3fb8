/** Errors of the application in a tick behind a read, which a listener of the process survives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shared } from "../_kit/databases.ts";
import { child } from "../wire/processes.ts";

test("uncaught errors of the application between queries lose no byte", async () => {
  const { message } = await child({ task: "thrown ticks", options: await shared() });
  const numbers = Array.from({ length: 20 }, (_, i) => i).join(" ");
  assert.equal(message, `${numbers}, 20 errors`);
});
