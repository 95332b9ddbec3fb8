/** The program of examples/prisma, with Prisma's own client, which is generated from its schema. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { prismaDirectory, runtimeBinary } from "../../scripts/toolchain.ts";
import { Playground } from "./playground.ts";
import { entryPoint, ROOT } from "./run_block.ts";

const FOLDER = join(ROOT, "examples", "prisma");

/** The npm tests hold JavaScript, and Prisma generates TypeScript. */
const skip = existsSync(join(FOLDER, "main.ts")) ? false : "the npm package holds JavaScript";

describe("examples/prisma prints what its first comment says", { skip }, () => {
  let playground: Playground;
  let directory: string;

  before(async () => {
    playground = await Playground.start();
    directory = await prepare();
  });

  after(async () => {
    await playground.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it("main.ts", async () => {
    const source = readFileSync(join(FOLDER, "main.ts"), "utf8");
    const stated = /Prints:\n \*\n \* ```\n([^]*?) \* ```\n/.exec(source)?.[1];
    await playground.reset();
    const flags = process.versions.deno !== undefined
      ? ["run", "-A", "--no-check", "--quiet"]
      : process.versions.bun !== undefined
      ? ["run"]
      : ["--disable-warning=ExperimentalWarning"];
    const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, "main.ts"], {
      ...{ cwd: directory, encoding: "utf8", timeout: 60_000 },
      env: { ...environment(), ...playground.environment() },
    });
    assert.equal(stderr, "");
    assert.equal(stdout, stated?.replaceAll(/^ \* ?/gm, ""));
    assert.equal(status, 0);
  });
});

/** Copies the program beside Prisma, lets it import this driver, and generates its client. */
async function prepare(): Promise<string> {
  const prisma = join(await prismaDirectory(), "node_modules");
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  const directory = mkdtempSync(join(ROOT, ".cache", "prisma-example-"));
  cpSync(FOLDER, directory, { recursive: true });
  symlinkSync(prisma, join(directory, "node_modules"));
  const main = readFileSync(join(FOLDER, "main.ts"), "utf8").replaceAll(
    /"(@cornac\/pg[^"]*)"/g,
    (_, name) => JSON.stringify(pathToFileURL(entryPoint(name)).href),
  );
  writeFileSync(join(directory, "main.ts"), main);
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  const program = join(prisma, "prisma", "build", "index.js");
  const { stdout, stderr, status } = spawnSync(
    await runtimeBinary("node24"),
    [program, "generate", "--schema", "schema.prisma"],
    {
      ...{ cwd: directory, encoding: "utf8" },
      // The engine of `prisma migrate` is not run, and so not downloaded.
      env: { ...environment(), PRISMA_SCHEMA_ENGINE_BINARY: process.execPath },
    },
  );
  if (status !== 0) throw new Error(`prisma generate failed: ${stdout}${stderr}`);
  return directory;
}

function environment(): Record<string, string | undefined> {
  return {
    ...process.env,
    NO_COLOR: "1",
    FORCE_COLOR: "0",
    NODE_OPTIONS: "",
    CHECKPOINT_DISABLE: "1",
  };
}
