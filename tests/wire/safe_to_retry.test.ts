/** A login that is lost, and an idle session that the server has ended, have run nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, PgError } from "../../mod.ts";
import { failure } from "../_kit/outcomes.ts";
import {
  close,
  expect,
  handshake,
  reset,
  type Script,
  scriptedServer,
  send,
} from "../_kit/scripted_server.ts";
import { authenticationOk, errorResponse } from "../_kit/server_messages.ts";
import { NEW, reach } from "./hostile.ts";

async function attempt(script: Script): Promise<PgError> {
  const server = await scriptedServer(script);
  try {
    return await failure(
      (async () => {
        const db = await connect(reach(server));
        await db.query("select 1");
      })(),
      PgError,
    );
  } finally {
    await server.close();
  }
}

const STARTUP = expect("startup");
const IDLE = errorResponse({
  ...{ S: "FATAL", V: "FATAL", C: "57P05" },
  M: "terminating connection due to idle-session timeout",
});

const CASES: readonly (readonly [what: string, isSafe: boolean, script: Script])[] = [
  ["closed after the startup message", true, [STARTUP, close()]],
  ["reset after the startup message", true, [STARTUP, reset()]],
  ["closed after the authentication", true, [STARTUP, send(authenticationOk()), close()]],
  ["ended by idle_session_timeout", true, [handshake(), NEW, send(IDLE), close()]],
  ["closed after the query", false, [handshake(), NEW, close()]],
];

for (const [what, isSafe, script] of CASES) {
  test(`safeToRetry is ${isSafe} for a connection that was ${what}`, async () => {
    const error = await attempt(script);
    assert.equal(error.safeToRetry, isSafe, error.message);
  });
}
