import assert from "node:assert/strict";
import { test } from "node:test";
import { datePrinter, printDate } from "../../src/types/calendar.ts";

test("a printer that keeps texts prints every day as one that keeps none", () => {
  const print = datePrinter();
  const days = [0, 1, 1024, 0, -1, 1023, -1025, 2_145_042_905, -2_440_588, Infinity, 0, -Infinity];
  for (const day of [...days, ...days]) assert.equal(print(day), printDate(day));
});
