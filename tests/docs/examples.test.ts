import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { Playground } from "./playground.ts";
import { ROOT } from "./run_block.ts";

const FOLDER = join(ROOT, "examples");

/** Modules that the others import; and servers, which tests/server/pool_examples.test.ts calls. */
const ELSEWHERE = /^(environment|tour_stops|server_\w+)\./;

/** The programs: files of the folder, and `main` in a folder of its own. */
const programs = readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
  .filter((name) => /^(?:[\w.-]+|(?:kysely|drizzle)\/main)(?<!\.d)\.[jt]s$/.test(name))
  .filter((name) => !ELSEWHERE.test(name))
  .sort();

describe("the programs in examples/ print what their first comment says", () => {
  let playground: Playground;

  before(async () => {
    playground = await Playground.start();
  });

  after(() => playground.stop());

  it("the tour is among them", () => {
    assert.ok(programs.some((name) => name.startsWith("tour.")), String(programs));
  });

  for (const name of programs) {
    it(name, async () => {
      const stated = /Prints:\n \*\n \* ```\n([^]*?) \* ```\n/.exec(
        readFileSync(join(FOLDER, name), "utf8"),
      );
      assert.ok(stated, "it says what it prints");
      await playground.reset();
      const { code, output, errors } = await run(name, playground.environment());
      assert.equal(errors, "");
      assert.match(output.trim(), pattern(stated[1]!.replaceAll(/^ \* ?/gm, "").trim()));
      assert.equal(code, 0);
    });
  }
});

/** Line for line; `…` stands for anything, a line of its own for any number of lines. */
function pattern(text: string): RegExp {
  const lines = text.split("\n").map((line) =>
    line === "…" ? "(?:.*\\n)*?.*" : line.trimEnd().split("…").map(escaped).join(".*")
  );
  return new RegExp(`^${lines.join("\\n")}$`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** On the runtime that runs the test. */
function run(name: string, environment: Record<string, string>): Promise<Ended> {
  const flags = process.versions.deno !== undefined
    ? ["run", "-A", "--no-check", "--quiet"]
    : process.versions.bun !== undefined
    ? ["run"]
    : ["--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...flags, join(FOLDER, name)], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", NODE_OPTIONS: "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => output += text);
  child.stderr.setEncoding("utf8").on("data", (text) => errors += text);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output, errors }));
  });
}
