/** A pool resolves its settings once, and again after a connection could not be opened. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, OperationalError } from "../../mod.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { shared } from "../_kit/databases.ts";
import { failure } from "../_kit/outcomes.ts";

test("a pool's second connection reads neither the environment nor files again", async () => {
  let reads = 0;
  const real = await detectRuntime();
  const runtime = {
    ...real,
    env: (name: string) => (reads++, real.env(name)),
    readTextFile: (path: string) => (reads++, real.readTextFile(path)),
    fileMode: (path: string) => (reads++, real.fileMode(path)),
  };
  const pool = createPool({ ...await shared(), runtime }, { max: 2 });
  try {
    const first = await pool.connect();
    assert.ok(reads > 0);
    reads = 0;
    const second = await pool.connect();
    assert.equal(reads, 0);
    await first.close();
    await second.close();
  } finally {
    await pool.close();
  }
});

test("a pool reads its files again after a connection was refused", async () => {
  const real = await detectRuntime();
  let password = "wrong";
  const runtime = {
    ...real,
    homeDirectory: () => "/home/none",
    readTextFile: (path: string) =>
      path.endsWith("/.pgpass")
        ? Promise.resolve(`*:*:*:*:${password}`)
        : Promise.resolve(undefined),
    fileMode: () => Promise.resolve(undefined),
  };
  const settings = { ...await shared(), user: "u_scram", password: undefined, runtime };
  const pool = createPool(settings, { max: 1 });
  try {
    assert.ok(await failure(pool.query("select 1")) instanceof OperationalError);
    password = "p scram";
    assert.equal(await pool.query("select 1").scalar(), 1);
  } finally {
    await pool.close();
  }
});
