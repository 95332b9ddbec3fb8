/** Bounds on what a connection and a pool keep for each text. `CORNAC_VOLUME=full`: 100,000 texts. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { shared } from "../_kit/databases.ts";
import { run } from "../_kit/streams.ts";

const TEXTS = process.env.CORNAC_VOLUME === "full" ? 100_000 : 10_000;
const MIB = 1 << 20;
/** A kilobyte of each text, were it kept, would come to several times as much. */
const MOST = TEXTS / 10_000 * MIB;

test(`texts: the heap does not grow with them, ${TEXTS} different ones on one connection`, {
  timeout: 3_600_000,
}, async () => {
  const module = new URL("./distinct_texts.ts", import.meta.url);
  const options = JSON.stringify(await shared());
  const source = `import { measure } from "${module}"; await measure(${TEXTS}, ${options});`;
  const program = run(source, ["--expose-gc"]);
  try {
    const [half, all] = JSON.parse(await program.line());
    assert.equal(await program.exit, 0);
    const grown = (all - half) / MIB;
    process.stdout.write(`# texts: ${TEXTS}, heap ${(half / MIB).toFixed(1)} MiB after a half, `);
    process.stdout.write(`${grown.toFixed(2)} MiB more after the other\n`);
    assert.ok(all - half < MOST, `${grown} MiB more`);
  } finally {
    program.kill();
  }
});
