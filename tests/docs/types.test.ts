import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  docCommentExamples,
  type Example,
  pageExamples,
  pg8000Examples,
  readmeExamples,
} from "./found.ts";
import { instrument } from "./instrument.ts";
import { allImports, cleanUp, directory, entryPoint, ROOT } from "./run_block.ts";

const skip = process.versions.deno === undefined && "Deno checks types; they are the same for all";

test("every example is right TypeScript", { skip }, async () => {
  const place = join(directory(), "types");
  mkdirSync(place, { recursive: true });
  try {
    const examples = [readmeExamples, pageExamples, pg8000Examples, docCommentExamples]
      .flatMap((find) => find());
    const files = examples.map(({ block }) => `${block.place.replaceAll(/\W+/g, "_")}.ts`);
    for (const [i, example] of examples.entries()) {
      writeFileSync(join(place, files[i]!), await typedSource(example));
    }
    writeFileSync(join(place, "deno.json"), JSON.stringify(configuration()));
    const { status, stderr } = spawnSync(process.execPath, ["check", "--quiet", ...files], {
      cwd: place,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    assert.equal(status, 0, stderr);
  } finally {
    cleanUp();
  }
});

/** As strict as `tsc --strict`, and the project's own npm packages. */
function configuration(): object {
  const { imports } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
  return { imports, nodeModulesDir: "none", compilerOptions: { strict: true }, lock: false };
}

async function typedSource({ block, module }: Example): Promise<string> {
  const program = instrument(block);
  const mod = pathToFileURL(entryPoint("@cornac/pg")).href;
  const given = program.free.has("db") ? `db: import("${mod}").Connection` : "";
  return [
    await allImports(program, module),
    `export async function example(${given}) {`,
    program.code,
    "}",
  ].join("\n");
}
