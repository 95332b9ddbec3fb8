import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InterfaceError } from "../../mod.ts";
import type { ParamStyle } from "../../src/dbapi/arguments.ts";
import { bindArguments, scanText } from "../../src/dbapi/paramstyle.ts";

const RUNS = { numRuns: 500 };
const STYLES: readonly ParamStyle[] = ["qmark", "numeric", "named", "format", "pyformat"];

/** Parts of SQL that look like placeholders of all styles and are none. */
const OPAQUE = [
  "' ? :a :1 %s %(a)s '' '",
  "E'\\' ? :a %s'",
  '"? :a ""%s"',
  "-- ? :a %s ' \"\n",
  "/* ? /* :a */ %s ' */",
  "$$ ? :a %s ' $$",
  "$t$ $$ ? :a %s $t$",
  "U&'\\0061 ?'",
  " select ",
  "x::int",
  "y := 1",
  "a[1:b]",
  "(1, 2.5e-3)",
  ";",
];

const MARKS: Readonly<Record<ParamStyle, (n: number) => string>> = {
  qmark: () => "?",
  numeric: (n) => `:${n}`,
  named: (n) => `:p${n}`,
  format: () => "%s",
  pyformat: (n) => `%(p${n})s`,
};

type Part = string | { readonly value: number };

const parts = fc.array(
  fc.oneof(fc.constantFrom(...OPAQUE), fc.record({ value: fc.integer({ min: 1, max: 5 }) })),
);

for (const style of STYLES) {
  test(`paramstyle ${style}: whatever stands around them, exactly the placeholders are replaced`, () => {
    const isPositional = style === "qmark" || style === "format";
    fc.assert(
      fc.property(parts, (all: Part[]) => {
        let n = 0;
        const seen = new Map<number, number>();
        const text = all.map((part) =>
          typeof part === "string" ? part : ` ${MARKS[style](part.value)} `
        );
        const wanted = all.map((part) => {
          if (typeof part === "string") return part;
          if (isPositional || !seen.has(part.value)) seen.set(part.value, ++n);
          return ` $${seen.get(part.value)} `;
        });
        const scanned = scanText(style, text.join(" "));
        assert.equal(scanned.text, wanted.join(" "));
        assert.equal(scanned.keys.length, n);
      }),
      RUNS,
    );
  });

  test(`paramstyle ${style}: any text is scanned, or refused with an InterfaceError`, () => {
    const soup = fc.array(
      fc.oneof(
        fc.constantFrom("'", '"', "$", "?", ":", "%", "[", "]", "/*", "*/", "--", "\\", "E'"),
        fc.string(),
      ),
    );
    fc.assert(
      fc.property(soup, fc.boolean(), (pieces, backslashes) => {
        try {
          const scanned = scanText(style, pieces.join(""), backslashes);
          const named = Object.fromEntries(scanned.keys.map((key) => [key, key]));
          const isNamed = scanned.keys.some((key) => typeof key === "string");
          const most = scanned.keys.reduce<number>((a, key) => Math.max(a, Number(key) + 1), 0);
          const args = isNamed ? named : Array.from({ length: most }, (_, i) => i);
          assert.deepEqual(bindArguments(scanned, args), scanned.keys);
        } catch (error) {
          assert.ok(error instanceof InterfaceError, String(error));
        }
      }),
      RUNS,
    );
  });
}
