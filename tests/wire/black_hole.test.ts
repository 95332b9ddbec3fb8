/**
 * A peer that falls silent at a stage of a connection: a typed error comes within the configured time,
 * and the process can end.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectOptions } from "../../mod.ts";
import { certificates } from "../_kit/certs.ts";
import { blackHole } from "../_kit/fault_proxy.ts";
import {
  answerSsl,
  deaf,
  expect,
  handshake,
  ignore,
  type Script,
  scriptedServer,
  send,
  startTls,
} from "../_kit/scripted_server.ts";
import { authenticationOk, authenticationSasl } from "../_kit/server_messages.ts";
import { NEW, reach, wholeAnswer } from "./hostile.ts";
import { child, type ChildTask } from "./processes.ts";

interface Stage {
  readonly stage: string;
  /** The script before the silence; with TLS, after the handshake. */
  readonly script: Script;
  readonly task?: ChildTask["task"];
  readonly options?: ConnectOptions;
  /** The error's message; `undefined` for no error. */
  readonly phrase: RegExp | undefined;
}

const connecting = (stage: string): RegExp =>
  new RegExp(`timed out after [.0-9]+ s \\(connectTimeout\\) while ${stage}`);

const STAGES: readonly Stage[] = [
  {
    stage: "startup",
    script: [expect("startup"), ignore()],
    phrase: connecting("waiting for the answer to the startup message"),
  },
  {
    stage: "authentication",
    // deno-fmt-ignore
    script: [
      expect("startup"), send(authenticationSasl(["SCRAM-SHA-256"])), expect("p"), ignore(),
    ],
    phrase: connecting("authenticating"),
  },
  {
    stage: "ReadyForQuery",
    script: [expect("startup"), send(authenticationOk()), ignore()],
    phrase: connecting("waiting for ReadyForQuery"),
  },
  {
    stage: "a query",
    script: [handshake(), NEW, ignore()],
    options: { timeout: 2, connectTimeout: 10 },
    phrase: /^connection timed out: a reply was due and nothing came for 2 s \(timeout\)$/,
  },
  {
    stage: "a row, half of which has come",
    script: [handshake(), NEW, send(wholeAnswer("1")[0]!, "D\0\0"), ignore()],
    options: { timeout: 2, connectTimeout: 10 },
    phrase: /^connection timed out: a reply was due and nothing came for 2 s \(timeout\)$/,
  },
  {
    stage: "close",
    script: [handshake(), NEW, send(...wholeAnswer("1")), deaf()],
    task: "close",
    options: { closeTimeout: 0.4, connectTimeout: 10 },
    phrase: undefined,
  },
];

const { server: tls } = await certificates();
const ENCRYPTED: readonly Stage[] = [
  {
    stage: "SSLRequest",
    script: [expect("ssl")],
    phrase: connecting("waiting for the answer to SSLRequest"),
  },
  {
    stage: "the TLS handshake",
    script: answerSsl("S"),
    phrase: connecting("waiting for the TLS handshake"),
  },
  ...STAGES.map((one) => ({ ...one, script: [answerSsl("S"), startTls(tls), one.script] })),
];

for (const { stage, script, task, options, phrase } of STAGES) {
  test(`black hole at ${stage}, plain`, () =>
    fallSilent(script, task, { sslMode: "disable", ...options }, phrase));
}

for (const { stage, script, task, options, phrase } of ENCRYPTED) {
  test(`black hole at ${stage}, TLS`, () =>
    fallSilent(script, task, { sslMode: "require", connectTimeout: 1.5, ...options }, phrase));
}

for (const sslMode of ["disable", "require"] as const) {
  test(`black hole at connect, sslMode ${sslMode}`, async () => {
    const { host, port, close } = await blackHole();
    try {
      const options = { host, port, user: "u", sslMode, connectTimeout: 0.4 };
      const report = await child({ task: "query", options });
      assert.equal(report.error, "OperationalError");
      assert.match(report.message!, connecting("connecting"));
    } finally {
      await close();
    }
  });
}

async function fallSilent(
  script: Script,
  task: ChildTask["task"] = "query",
  options: ConnectOptions,
  phrase: RegExp | undefined,
): Promise<void> {
  const server = await scriptedServer(script);
  try {
    const told = reach(server, { connectTimeout: 0.4, password: "p", ...options });
    const report = await child({ task, options: told });
    if (phrase === undefined) return assert.deepEqual(report, {});
    assert.equal(report.error, "OperationalError");
    assert.match(report.message!, phrase);
  } finally {
    await server.close();
  }
}
