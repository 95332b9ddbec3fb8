/**
 * Checks the documentation of all entry points with `deno doc --lint`. An adapter's interface names
 * types of its library, which the lint takes for private ones: a reference to a type that the file
 * imports from a library is no error here.
 *
 *     deno run -A scripts/check_documentation.ts
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import configuration from "../deno.json" with { type: "json" };

const REFERENCE = /^error\[private-type-ref\]: .* references private type '(\w+)'/m;
const PLACE = /--> (.+):\d+:\d+/;

const { status, stdout, stderr } = spawnSync(
  process.execPath,
  ["doc", "--lint", ...Object.values(configuration.exports)],
  { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" }, maxBuffer: 1 << 28 },
);
const found = stderr.split(/^(?=error\[)/m).filter((part) => part.startsWith("error["));
const left = found.filter((part) => !isOfLibrary(part));
process.stderr.write(left.join(""));
// A failure that is not about one place, of the parser for example, has no such part.
if (found.length === 0 && status !== 0) process.stderr.write(stdout + stderr);
process.exitCode = left.length > 0 || (found.length === 0 && status !== 0) ? 1 : 0;

/** Reports whether an error is a reference to a type that its file imports from a library. */
function isOfLibrary(part: string): boolean {
  const name = REFERENCE.exec(part)?.[1];
  const path = PLACE.exec(part)?.[1];
  if (name === undefined || path === undefined) return false;
  const imports = readFileSync(path, "utf8").matchAll(
    /^import (?:type )?\{([^}]*)\} from "([^"]+)"/gm,
  );
  return [...imports].some(([, names = "", from = ""]) =>
    !/^(\.|node:)/.test(from) && new RegExp(`\\b${name}\\b`).test(names)
  );
}
