/** The loss of an idle connection, and its effect on the process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificates } from "../_kit/certs.ts";
import {
  answerSsl,
  call,
  close,
  handshake,
  reset,
  type Script,
  scriptedServer,
  send,
  startTls,
  type Step,
} from "../_kit/scripted_server.ts";
import { errorResponse, message } from "../_kit/server_messages.ts";
import { reach } from "./hostile.ts";
import { child } from "./processes.ts";

const TERMINATED = errorResponse({
  ...{ S: "FATAL", V: "FATAL", C: "57P01" },
  M: "terminating connection due to administrator command",
});

interface Death {
  readonly how: string;
  readonly steps: readonly Step[];
  readonly error: string;
  readonly phrase: RegExp;
  readonly code: string;
}

const DEATHS: readonly Death[] = [
  {
    how: "terminated by an administrator",
    steps: [send(TERMINATED), close()],
    error: "OperationalError",
    phrase: /^connection lost: terminating connection due to administrator command$/,
    code: "57P01",
  },
  {
    how: "reset",
    steps: [reset()],
    error: "OperationalError",
    phrase: /^connection lost: /,
    code: "08006",
  },
  {
    how: "closed",
    steps: [close()],
    error: "OperationalError",
    phrase: /^connection lost: the server closed it unexpectedly$/,
    code: "08006",
  },
  {
    how: "answered though nothing was asked",
    steps: [send(message("Z", "I"))],
    error: "ProtocolError",
    phrase: /^ReadyForQuery while nothing was asked$/,
    code: "08P01",
  },
];

const { server: tls } = await certificates();

for (const sslMode of ["disable", "require"] as const) {
  for (const { how, steps, error, phrase, code } of DEATHS) {
    const start: Script = sslMode === "disable" ? [] : [answerSsl("S"), startTls(tls)];
    const script = [start, handshake(), call("idle", (peer) => peer.wait(0.05)), steps];

    test(`idle death: ${how}, sslMode ${sslMode}: the next call says why, and the process ends with status 0`, () =>
      serving(script, async (options) => {
        const { refusal } = await child({ task: "idle", options: { ...options, sslMode } });
        assert.equal(refusal?.error, "InterfaceError");
        assert.equal(refusal.message, "connection is closed");
        assert.equal(refusal.cause?.error, error);
        assert.match(refusal.cause.message!, phrase);
        assert.equal(refusal.cause.code, code);
      }));
  }

  test(`idle death: sslMode ${sslMode}: a process with nothing else to do ends`, () =>
    serving(
      // deno-fmt-ignore
      [
        ...(sslMode === "disable" ? [] : [answerSsl("S"), startTls(tls)]),
        handshake(), call("idle", (peer) => peer.wait(0.1)), reset(),
      ],
      async (options) => {
        assert.deepEqual(await child({ task: "nothing", options: { ...options, sslMode } }), {});
      },
    ));
}

async function serving(
  script: Script,
  body: (options: ReturnType<typeof reach>) => Promise<void>,
): Promise<void> {
  const server = await scriptedServer(script);
  try {
    await body(reach(server));
  } finally {
    await server.close();
  }
}
