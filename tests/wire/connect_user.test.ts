/** The default role is the operating system's user, whatever the environment says. */
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import assert from "node:assert/strict";
import process from "node:process";
import {
  expect,
  expectClose,
  handshake,
  type Script,
  withServer,
} from "../_kit/scripted_server.ts";
import { child } from "./processes.ts";

const skip = process.platform === "win32" && "there are no numbers of users";

/** Environments of containers and of changed users; the variables that the runtimes need are kept. */
const ENVIRONMENTS: readonly (readonly [name: string, env: Record<string, string>])[] = [
  ["without USER", {}],
  ["with another USER", { USER: "another", LOGNAME: "another" }],
  ["with an empty USER", { USER: "" }],
];

for (const [name, variables] of ENVIRONMENTS) {
  test(`default user: ${name}, it is the one of the process`, { skip }, async () => {
    const user = execFileSync("id", ["-un"], { encoding: "utf8" }).trim();
    const script: Script = [
      handshake({ check: ({ parameters }) => assert.equal(parameters?.user, user) }),
      expect("X"),
      expectClose(),
    ];
    const { USER: _, LOGNAME: __, PGUSER: ___, ...inherited } = process.env;
    await withServer(script, async ({ host, port }) => {
      const options = { host, port, sslMode: "disable" } as const;
      assert.deepEqual(
        await child({ task: "connect", options }, { ...inherited, ...variables }),
        {},
      );
    });
  });
}
