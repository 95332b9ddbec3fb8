/**
 * Builds the package `@cornac/pg-compat` in `npm-compat/` from the package in `npm/`: the module `pg`
 * in CommonJS and ESM, with the files that other packages require by path. Called by `deno task npm`.
 *
 * - All code is in `lib/core.cjs`, which esbuild makes of `src/compat/pg`; each class exists once, for
 *   `require` and `import`.
 * - `lib/client.js`, `lib/result.js` and `lib/utils.js` are required by path (pg-cursor, pg-promise), and
 *   OpenTelemetry and Datadog wrap `lib/client.js` and the module `pg-pool` when they are required.
 *   Therefore `pg-pool` is a bundled dependency.
 * - The version begins with 8, because instrumentations and peer ranges look at it.
 */
import { build } from "esbuild";
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import configuration from "../deno.json" with { type: "json" };

const ENTRY = "src/compat/pg/pg";

/** The names of `lib/core.cjs`: those of the module, and what other packages require by path. */
const CORE = `export * from "./pg.js";
export { Pool as PlainPool } from "./pool.js";
import { escapeIdentifier, escapeLiteral } from "./escape.js";
import { prepareValue } from "./prepare_value.js";
export const utils = {
  prepareValue: (value) => prepareValue(value),
  escapeIdentifier,
  escapeLiteral,
  normalizeQueryConfig(config, values, callback) {
    const query = typeof config === "string" ? { text: config } : { ...config };
    if (typeof values === "function") query.callback = values;
    else if (values) query.values = values;
    if (callback) query.callback = callback;
    return query;
  },
};
`;

/** The versions of the interfaces: those of `pg` and `pg-pool`, the last part from our own version. */
const PATCH = configuration.version.split(".").map(Number).reduce(
  (sum, part) => sum * 100 + part,
  0,
);
export const COMPAT_VERSION: string = `8.23.${PATCH}`;
const POOL_VERSION = `3.14.${PATCH}`;

/** The names of the module `pg`; `native` is a property besides, which is `null`. */
const NAMES = ["Client", "Pool", "Connection", "Query", "Result", "DatabaseError", "TypeOverrides"]
  .concat("types", "defaults", "escapeIdentifier", "escapeLiteral");

const FILES: Readonly<Record<string, string>> = {
  "lib/index.js": `"use strict";
const core = require("./core.cjs");
const Client = require("./client.js");
// Instrumentations wrap the module of this name when it is required.
require("pg-pool");
const pg = { ${
    NAMES.map((name) => name === "Client" ? name : `${name}: core.${name}`).join(", ")
  } };
Object.defineProperty(pg, "native", { configurable: true, enumerable: false, value: null });
module.exports = pg;
`,
  "lib/index.mjs": `import pg from "./index.js";
export const { ${NAMES.join(", ")} } = pg;
export default pg;
`,
  "lib/client.js": `"use strict";\nmodule.exports = require("./core.cjs").Client;\n`,
  "lib/result.js": `"use strict";\nmodule.exports = require("./core.cjs").Result;\n`,
  "lib/query.js": `"use strict";\nmodule.exports = require("./core.cjs").Query;\n`,
  "lib/defaults.js": `"use strict";\nmodule.exports = require("./core.cjs").defaults;\n`,
  "lib/connection.js": `"use strict";\nmodule.exports = require("./core.cjs").Connection;\n`,
  "lib/type-overrides.js": `"use strict";\nmodule.exports = require("./core.cjs").TypeOverrides;\n`,
  "lib/utils.js": `"use strict";
const { utils } = require("./core.cjs");
module.exports = utils;
`,
  "node_modules/pg-pool/index.js": `"use strict";
const { PlainPool } = require("../../lib/core.cjs");
module.exports = PlainPool;
module.exports.Pool = PlainPool;
module.exports.default = PlainPool;
`,
  "node_modules/pg-pool/package.json": JSON.stringify({
    name: "pg-pool",
    version: POOL_VERSION,
    license: "MIT",
    main: "index.js",
  }),
};

/**
 * The declarations are those of `@types/pg`, under a name of their own: a program that was typed by them
 * is typed as before. `QueryConfig` takes no `signal` there, which the object may have all the same.
 */
const DECLARATIONS: Readonly<Record<string, string>> = {
  "lib/index.d.ts": `export * from "pg-declared";\n`,
  "lib/index.d.mts": `export * from "pg-declared";
export { default } from "pg-declared";
`,
};

/** Builds the package and returns its path. `npm` is the built main package. */
export async function buildCompat(npm: string): Promise<string> {
  const out = join(npm, "..", "npm-compat");
  rmSync(out, { recursive: true, force: true });
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(out, file)), { recursive: true });
    writeFileSync(join(out, file), text);
  }
  await build({
    stdin: { contents: CORE, resolveDir: join(npm, dirname(ENTRY)) },
    outfile: join(out, "lib", "core.cjs"),
    bundle: true,
    format: "cjs",
    platform: "node",
    external: ["cloudflare:sockets"],
    target: "node20",
    keepNames: true,
    legalComments: "none",
    logLevel: "error",
  });
  for (const [file, text] of Object.entries(DECLARATIONS)) writeFileSync(join(out, file), text);
  for (const name of ["LICENSE", "docs/compat.md"]) {
    copyFileSync(join(npm, name), join(out, place(name)));
  }
  writeFileSync(join(out, "package.json"), JSON.stringify(MANIFEST, null, 2) + "\n");
  return out;
}

/** The page on compatibility is the README of the package. */
function place(document: string): string {
  return document === "docs/compat.md" ? "README.md" : document;
}

const MANIFEST = {
  name: "@cornac/pg-compat",
  version: COMPAT_VERSION,
  description: "The interface of pg (node-postgres) on the driver @cornac/pg",
  keywords: ["postgresql", "postgres", "pg", "node-postgres", "driver"],
  license: "MIT",
  repository: { type: "git", url: "git+https://github.com/cornac/pg.git" },
  homepage: "https://github.com/cornac/pg#readme",
  bugs: { url: "https://github.com/cornac/pg/issues" },
  engines: { node: ">=20" },
  main: "./lib/index.js",
  types: "./lib/index.d.ts",
  exports: {
    ".": {
      import: { types: "./lib/index.d.mts", default: "./lib/index.mjs" },
      require: { types: "./lib/index.d.ts", default: "./lib/index.js" },
    },
    "./lib/*": "./lib/*.js",
    "./lib/*.js": "./lib/*.js",
    "./package.json": "./package.json",
  },
  dependencies: { "pg-declared": "npm:@types/pg@^8.23.1", "pg-pool": POOL_VERSION },
  bundleDependencies: ["pg-pool"],
  sideEffects: false,
};

if (import.meta.main) await buildCompat(join(import.meta.dirname ?? ".", "..", "npm"));
