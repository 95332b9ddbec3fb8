import type { Subject } from "../check_layers.ts";
import { importsOf, resolveImport } from "./imports.ts";

/**
 * Checks that no files of `src/` import one another in a circle, imports of types included. Each
 * circle is reported once, at the import in its first file that closes it, with the whole way round.
 */
export function checkCircles(subjects: ReadonlyMap<string, Subject>): void {
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (file: string): void => {
    const subject = subjects.get(file);
    if (subject === undefined || done.has(file)) return;
    way.push(file);
    for (const { node, specifier } of importsOf(subject.source)) {
      if (!specifier.startsWith(".")) continue;
      const target = resolveImport(file, specifier);
      const start = way.indexOf(target);
      if (start < 0) visit(target);
      else subject.report(node, "circle", [...way.slice(start), target].join(" → "));
    }
    way.pop();
    done.add(file);
  };
  for (const file of subjects.keys()) if (file.startsWith("src/")) visit(file);
}
