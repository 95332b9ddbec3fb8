import assert from "node:assert/strict";
import { test } from "node:test";
import { readError } from "../../src/compat/system_errors.ts";
import { connectFailure, queryFailure } from "../../src/compat/postgres/failures.ts";
import { OperationalError } from "../../src/errors/errors.ts";

const lost = (cause: unknown): Error =>
  new OperationalError("connection lost", { code: "08006", cause });
const named = (name: string): Error => Object.assign(new Error("as Deno has it"), { name });
const node = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" });

test("compat: what has broken a connection is reported as Node reports a failed read", () => {
  assert.equal(readError(lost(node)), node);
  const bare = Object.assign(new Error("as Bun has it"), { code: "ECONNRESET" });
  for (const cause of [named("ConnectionReset"), bare]) {
    const { message, code, errno, syscall } = readError(lost(cause)) as typeof node & {
      errno: number;
    };
    assert.deepEqual([message, code, errno, syscall], [
      ...["read ECONNRESET", "ECONNRESET", -104, "read"],
    ]);
  }
});

test("compat: a connection that has ended in order has no error of the system", () => {
  for (const reason of [undefined, lost(undefined), lost(new Error("FATAL"))]) {
    assert.equal(readError(reason), undefined);
  }
});

test("compat/postgres: a reset connection has the system's code, a closed one CONNECTION_CLOSED", () => {
  const place = { host: "db.example.com", port: 5432, path: undefined };
  assert.equal(queryFailure(lost(node), place), node);
  for (const fail of [queryFailure, connectFailure]) {
    const { code, message } = fail(lost(undefined), place) as { code: string; message: string };
    assert.equal(`${code}: ${message}`, `CONNECTION_CLOSED: ${CLOSED}`);
  }
});

const CLOSED = "write CONNECTION_CLOSED db.example.com:5432";
