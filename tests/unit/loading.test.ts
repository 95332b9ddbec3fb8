import assert from "node:assert/strict";
import { test } from "node:test";
import { OperationalError } from "../../mod.ts";
import { loaded } from "../../src/errors/loading.ts";
import { failure } from "../_kit/outcomes.ts";

test("a part of the driver that cannot be loaded is an OperationalError that names it", async () => {
  const cause = new TypeError("Failed to fetch dynamically imported module");
  const error = await failure(loaded(Promise.reject(cause), "the rare types"), OperationalError);
  assert.equal(error.code, "58P01");
  assert.equal(error.cause, cause);
  assert.equal(
    error.message,
    "cannot load the rare types: Failed to fetch dynamically imported module",
  );
});

test("a part that is there is passed on", async () => {
  const part = { a: 1 };
  assert.equal(await loaded(Promise.resolve(part), "a part"), part);
});
