/** The commands: check, write and watch. */
import type { Connection } from "../connection.ts";
import type { Workplace } from "../runtime/workplace.ts";
import { inspect, type Inspection } from "../typed/typed.ts";
import { judge } from "./judge.ts";
import type { Config, Invocation } from "./options.ts";
import { type OwnRow, verifyRows } from "./own_types.ts";
import { type Judged, Report } from "./report.ts";
import { readSource, type SourceFile } from "./sources.ts";

const SOURCES = /\.[cm]?tsx?$/;
const LEFT_OUT =
  /(?:^|\/)(?:node_modules|\.[^/.][^/]*)(?:\/|$)|\.d\.[cm]?ts$|_cornac_check\.[cm]?tsx?$/;

/** Returns the paths of the sources. */
export async function sourcePaths(
  place: Workplace,
  { paths }: Invocation,
  { include = ["."], exclude = [] }: Config,
): Promise<string[]> {
  const left = exclude.map(plainPath);
  const isLeftOut = (path: string): boolean =>
    LEFT_OUT.test(path) || left.some((one) => path === one || path.startsWith(`${one}/`));
  const roots = paths.length > 0 ? paths : include;
  const lists = await Promise.all(roots.map((one) => place.files(plainPath(one), isLeftOut)));
  return [...new Set(lists.flat())].filter((path) => SOURCES.test(path)).sort();
}

function plainPath(path: string): string {
  return path.replaceAll("\\", "/").replace(/^\.\/(?=.)/, "").replace(/(?<=.)\/+$/, "");
}

/** Checks the templates of files, and writes their types where that is wanted. Returns the faults. */
export async function checkFiles(
  place: Workplace,
  db: Connection,
  paths: readonly string[],
  given: { readonly config: Config; readonly strict: boolean; readonly writes: boolean },
): Promise<number> {
  const start = performance.now();
  const report = new Report(place, given.strict);
  const files = await readFiles(place, paths);
  const templates = [...files.values()].flatMap((file) => file.templates);
  const found = await inspectAll(db, [...files.values()], given.config);
  for (const file of files.values()) report.file(file);
  const judged: Judged[] = templates.map((template) => {
    const { text } = files.get(template.path)!;
    return { template, ...judge(template, text, (one) => found.get(one)!, given.config) };
  });
  const written = given.writes ? await writeTypes(place, files, judged, report) : new Set<Judged>();
  for (const one of judged) {
    report.template(one, files.get(one.template.path)!.text, written.has(one));
  }
  await verifyOwn(place, files, judged, report, given.strict);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  summarize(report, templates.length, written.size, seconds);
  return report.faults;
}

async function readFiles(
  place: Workplace,
  paths: readonly string[],
): Promise<Map<string, SourceFile>> {
  const files = new Map<string, SourceFile>();
  for (const path of paths) {
    const text = await place.read(path);
    if (text !== undefined) files.set(path, readSource(path, text));
  }
  return files;
}

async function inspectAll(
  db: Connection,
  files: readonly SourceFile[],
  config: Config,
): Promise<Map<string, Inspection>> {
  const texts = new Set(
    files.flatMap(({ templates }) =>
      templates.flatMap(({ statements }) =>
        "variants" in statements ? statements.variants.map(({ text }) => text) : []
      )
    ),
  );
  const found = await inspect(db, [...texts], config);
  return new Map(found.map((one) => [one.text, one]));
}

/** Writes types in place; a file that has changed since it was read is left as it is. */
async function writeTypes(
  place: Workplace,
  files: ReadonlyMap<string, SourceFile>,
  judged: readonly Judged[],
  report: Report,
): Promise<Set<Judged>> {
  const written = new Set<Judged>();
  for (const [path, { text, templates }] of files) {
    const wrong = judged.filter((one) =>
      one.template.path === path && one.verdict.kind === "types"
    );
    if (wrong.length === 0) continue;
    const after = withTypes(text, wrong);
    const again = readSource(path, after);
    if (await place.read(path) !== text) {
      report.remark(`${path} has changed meanwhile; it is left as it is`);
    } else if (again.error || again.templates.length !== templates.length) {
      report.remark(`${path} cannot be written safely; it is left as it is`);
    } else {
      await place.write(path, after);
      for (const one of wrong) written.add(one);
    }
  }
  return written;
}

function withTypes(text: string, wrong: readonly Judged[]): string {
  let out = text;
  const fromEnd = [...wrong].sort((a, b) => b.template.start - a.template.start);
  for (const { template, verdict } of fromEnd) {
    if (verdict.kind !== "types") continue;
    const { start, end } = template.types ?? { start: template.nameEnd, end: template.nameEnd };
    out = out.slice(0, start) + verdict.after + out.slice(end);
  }
  return out;
}

async function verifyOwn(
  place: Workplace,
  files: ReadonlyMap<string, SourceFile>,
  judged: readonly Judged[],
  report: Report,
  isStrict: boolean,
): Promise<void> {
  const rows: OwnRow[] = judged.flatMap(({ template: { path, line }, ownRow }) =>
    ownRow ? [{ path, line, ...ownRow }] : []
  );
  if (rows.length === 0) return;
  const verified = await verifyRows(place, files, rows);
  if ("misfits" in verified) {
    for (const misfit of verified.misfits) report.misfit(misfit);
    return;
  }
  report.remark(`${rows.length} types of your own were not verified: ${verified.unverified}`);
  if (isStrict) report.faults += rows.length;
}

function summarize(report: Report, all: number, written: number, seconds: string): void {
  const notes = [
    written > 0 ? `${written} written` : "",
    report.untyped > 0 ? `${report.untyped} without types` : "",
    report.unchecked > 0 ? `${report.unchecked} not checked` : "",
  ].filter((note) => note !== "");
  const more = notes.length === 0 ? "" : `, ${notes.join(", ")}`;
  const { faults } = report;
  const templates = all === 1 ? "template" : "templates";
  const wrong = faults === 0 ? "none is wrong" : `${faults} ${faults === 1 ? "is" : "are"} wrong`;
  report.remark(`${all} ${templates}: ${wrong}${more} (${seconds} s)`);
}

/** Writes the types of files as they change, until the process ends. */
export async function watchFiles(
  place: Workplace,
  db: Connection,
  invocation: Invocation,
  config: Config,
  isOver: () => boolean = () => false,
): Promise<void> {
  const seen = new Map<string, number>();
  while (!isOver()) {
    const changed: string[] = [];
    for (const path of await sourcePaths(place, invocation, config)) {
      const at = await place.changed(path);
      if (at === undefined || seen.get(path) === at) continue;
      changed.push(path);
    }
    if (changed.length > 0) {
      await checkFiles(place, db, changed, { config, strict: invocation.strict, writes: true });
      for (const path of changed) seen.set(path, await place.changed(path) ?? 0);
    }
    await place.wait(WATCH_INTERVAL);
  }
}

/** Milliseconds between two looks at the files. */
const WATCH_INTERVAL = 300;
