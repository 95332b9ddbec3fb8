/**
 * A peer that falls silent during work of every kind: each part of the work ends with a typed error, and
 * the process ends by itself.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ConnectOptions } from "../../mod.ts";
import { certificates } from "../_kit/certs.ts";
import {
  answerSsl,
  expect,
  expectAll,
  handshake,
  ignore,
  type Script,
  scriptedServer,
  send,
  startTls,
} from "../_kit/scripted_server.ts";
import {
  bindComplete,
  commandComplete,
  copyData,
  dataRow,
  noData,
  parameterDescription,
  parseComplete,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";
import { type Endings, type Work, WORKS } from "./black_hole_work.ts";
import { BEGIN_IN, BEGIN_OUT } from "./copies.ts";
import { NEW, reach } from "./hostile.ts";

const program = fileURLToPath(new URL("./black_hole_work.ts", import.meta.url));
const { server: tls } = await certificates();

/** The server's script between the login and the silence. */
const UNTIL: Readonly<Record<Work, Script>> = {
  "pipeline": [NEW, NEW],
  "copy in": [BEGIN_IN, expect("d"), expect("c")],
  "copy out": [BEGIN_OUT, send(copyData("1\n"))],
  "stream": [
    expectAll("P", "D", "S"),
    send(parseComplete(), parameterDescription(), rowDescription(["n"]), readyForQuery()),
    expectAll("B", "E", "H"),
    send(bindComplete(), dataRow(["1"])),
  ],
  "listen": [
    NEW,
    send(parseComplete(), parameterDescription(), noData(), bindComplete()),
    send(commandComplete("LISTEN"), readyForQuery()),
  ],
  "transaction": [],
  "cancel": [],
  "acquire": [],
};

const DUE =
  /^OperationalError: connection timed out: a reply was due and nothing came for 4 s \(timeout\)$/;

/** The error of every part of the work, and further options. */
const ENDINGS: Readonly<Partial<Record<Work, readonly [phrase: RegExp, options: ConnectOptions]>>> =
  {
    // The connection of the cancel request meets silence, too.
    "cancel": [
      /^OperationalError: connection destroyed: the server did not react to a cancel request$/,
      { queryTimeout: 0.2, timeout: 0 },
    ],
    "acquire": [/^PoolTimeoutError: /, { timeout: 0, connectTimeout: 5 }],
  };

for (const sslMode of ["disable", "require"] as const) {
  test(`black hole during work of every kind, sslMode ${sslMode}`, async () => {
    const servers = await Promise.all(
      WORKS.map((work) => scriptedServer(() => silentIn(work, sslMode))),
    );
    try {
      const tasks = WORKS.map((work, i) => {
        const [, more = {}] = ENDINGS[work] ?? [];
        const bounds = { timeout: 4, connectTimeout: 20, closeTimeout: 1, ...more };
        return [work, reach(servers[i]!, { sslMode, ...bounds })];
      });
      const found = await endings(Object.fromEntries(tasks));
      assert.deepEqual(Object.keys(found), [...WORKS]);
      for (const work of WORKS) {
        const [phrase = DUE] = ENDINGS[work] ?? [];
        for (const ending of found[work]!) assert.match(ending, phrase, work);
      }
      assert.deepEqual([found["pipeline"]!.length, found["acquire"]!.length], [3, 2]);
    } finally {
      for (const server of servers) await server.close();
    }
  });
}

/** Every connection (of a cancel, the next one of a pool) meets the same silence. */
function silentIn(work: Work, sslMode: string): Script {
  const start = sslMode === "disable" ? [] : [answerSsl("S"), startTls(tls)];
  if (work === "acquire") return [...start, ignore()];
  return [...start, handshake(), ...UNTIL[work], ignore()];
}

/** Runs the program, which must end by itself with status 0 and print nothing on stderr. */
async function endings(tasks: object): Promise<Endings> {
  const flags = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  const child = spawn(process.execPath, [...flags, program, JSON.stringify(tasks)]);
  let output = "";
  let complaints = "";
  child.stdout.on("data", (bytes) => output += bytes);
  child.stderr.on("data", (bytes) => complaints += bytes);
  const clock = setTimeout(() => child.kill("SIGKILL"), 40_000);
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(clock);
  assert.deepEqual([code, complaints], [0, ""], output);
  return JSON.parse(output);
}
