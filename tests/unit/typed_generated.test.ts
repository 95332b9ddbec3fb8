import { equal } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { typescriptTypesFile } from "../../scripts/generate_typescript_types.ts";

const PATH = new URL("../../src/typed/" + "type_table.ts", import.meta.url);
const skip = existsSync(PATH) ? false : "the npm package holds JavaScript";

test("src/typed/type_table.ts is what the driver's types are", { skip }, () => {
  equal(readFileSync(PATH, "utf8"), typescriptTypesFile());
});
