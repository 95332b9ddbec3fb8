/**
 * Joins the modules of the npm package into the few files that Node, Deno and Bun load. Each file costs
 * a runtime about 0.4 ms, and a first query needs 200 of the modules.
 *
 * - `lib/chunks/core.js` has all that the main entry point imports. The other modules are joined if the
 *   same entry points and `import()` expressions reach them, so no file loads more than its first
 *   module does, apart from the core.
 * - Each module is in one file, so that each class exists once for all entry points.
 * - A file exports all names of its modules; the tests reach the modules through them. The entry points
 *   in `lib/` export only their own names.
 */
import { build, type BuildOptions, type Plugin } from "esbuild";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";

/** The folder of the entry points, relative to the package. The files are in `chunks/` below it. */
const FOLDER = "lib";
const CHUNKS = `${FOLDER}/chunks`;
const MAIN = "mod.js";

/** The file with the places of the last build, relative to the repository; the tests read it. */
export const PLACES = ".cache/npm-places.json";

/** The part of a package's modules that is joined. Paths are relative to the package. */
export interface Joined {
  /** The entry points; each is also reached by a name of the package. */
  readonly entries: readonly string[];
  /** Modules that package conditions choose. */
  readonly conditional: readonly string[];
  /** The names of these conditions in the modules, and in the joined files. */
  readonly renamed: Readonly<Record<string, string>>;
  /** Names that are not joined, such as those of other packages. */
  readonly external: readonly string[];
}

/** The location of a module's exports after joining. */
export interface Place {
  /** The file, relative to the package. */
  readonly file: string;
  /** The name in the file of each name that the module exports. */
  readonly names: Readonly<Record<string, string>>;
}

/** The places of modules by their paths in the package. */
export type Places = ReadonlyMap<string, Place>;

/** A module: its imports and its exports. */
interface Module {
  readonly imports: readonly string[];
  readonly dynamic: readonly string[];
  readonly exports: readonly string[];
}

type Graph = ReadonlyMap<string, Module>;

/** Returns the path of an entry point's joined file, relative to the package. */
export function entryFile(entry: string): string {
  return `${FOLDER}/${entry.replace(/^src\//, "")}`;
}

/** Returns the path of the joined file that begins with a module. */
export function chunkFile(module: string): string {
  const name = module === MAIN ? "core.js" : module.replace(/^src\//, "").replaceAll("/", ".");
  return `${CHUNKS}/${name}`;
}

/**
 * Joins the modules of the package in folder `npm` into `<npm>/lib`, which is replaced.
 *
 * @throws {Error} esbuild failed.
 */
export async function joinModules(npm: string, joined: Joined): Promise<Places> {
  rmSync(join(npm, FOLDER), { recursive: true, force: true });
  mkdirSync(join(npm, CHUNKS), { recursive: true });
  const settings: BuildOptions = {
    ...{ absWorkingDir: npm, bundle: true, format: "esm", platform: "neutral" },
    ...{ target: "node20", legalComments: "none", logLevel: "error" },
  };
  const external = ["node:*", "cloudflare:*", ...joined.external, ...Object.keys(joined.renamed)];
  const roots = [...joined.entries, ...joined.conditional];
  const graph = await graphOf({ ...settings, external, outdir: "never" }, npm, roots);
  const groups = groupsOf(graph, roots);
  const places = placesOf(graph, groups);
  for (const [first, members] of groups) {
    const inner = new Set(members);
    const { outputFiles } = await build({
      ...{ ...settings, external, write: false },
      stdin: { contents: exportsOf(members, places), resolveDir: npm, sourcefile: "exports.js" },
      plugins: [links(npm, inner, places), renaming(joined.renamed)],
    });
    writeFileSync(join(npm, chunkFile(first)), withClassNames(outputFiles[0]!.text));
  }
  writeFacades(npm, graph, places, joined.entries);
  return places;
}

/** Reads all modules that `roots` reach. */
async function graphOf(settings: BuildOptions, npm: string, roots: string[]): Promise<Graph> {
  const modules = new Map<string, Module>();
  let missing = roots;
  // The names that a module exports are known only if it is an entry point.
  while (missing.length > 0) {
    const entryPoints = [...modules.keys(), ...missing];
    const { metafile } = await build({
      ...{ ...settings, entryPoints, outbase: npm, splitting: true },
      ...{ write: false, metafile: true },
    });
    const exports = new Map(
      Object.values(metafile!.outputs).map((one) => [one.entryPoint, one.exports]),
    );
    for (const [path, { imports }] of Object.entries(metafile!.inputs)) {
      const of = (kind: string) =>
        imports.filter((one) => !one.external && one.kind === kind).map(({ path }) => path);
      modules.set(path, {
        imports: of("import-statement"),
        dynamic: of("dynamic-import"),
        exports: exports.get(path) ?? [],
      });
    }
    missing = [...modules.keys()].filter((path) => !exports.has(path));
  }
  return modules;
}

/** Returns the modules that import statements reach from `root`, itself included. */
function closure(graph: Graph, root: string): Set<string> {
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    graph.get(path)!.imports.forEach(visit);
  };
  visit(root);
  return found;
}

/**
 * Returns the modules to join, by the module that names the file: an entry point or the target of an
 * `import()` if one is among them. Imports between the files make no circle, because those between
 * modules make none.
 */
function groupsOf(graph: Graph, roots: readonly string[]): Map<string, string[]> {
  const targets = new Set([...roots, ...[...graph.values()].flatMap(({ dynamic }) => dynamic)]);
  const core = closure(graph, MAIN);
  const reached = new Map<string, string[]>();
  for (const target of targets) {
    for (const path of closure(graph, target)) {
      if (!core.has(path)) reached.set(path, [...reached.get(path) ?? [], target]);
    }
  }
  const groups = new Map<string, string[]>([[MAIN, [...core]]]);
  const firsts = new Map<string, string>();
  const targetsFirst = [...reached].sort(([a], [b]) => +targets.has(b) - +targets.has(a));
  for (const [path, by] of targetsFirst) {
    const key = by.join();
    const first = firsts.get(key) ?? path;
    firsts.set(key, first);
    groups.set(first, [...groups.get(first) ?? [], path]);
  }
  return groups;
}

/** Names the exports of all modules: as in the module, with a number behind if two are the same. */
function placesOf(graph: Graph, groups: ReadonlyMap<string, readonly string[]>): Places {
  const places = new Map<string, Place>();
  for (const [first, members] of groups) {
    const file = chunkFile(first);
    const taken = new Set<string>();
    const own = [first, ...members.filter((path) => path !== first)];
    for (const path of own) {
      const names = graph.get(path)!.exports.map((name): [string, string] => {
        // Two modules of the core that export one thing under one name give it two names, too.
        let unique = name;
        for (let n = 2; taken.has(unique); n++) unique = `${name}$${n}`;
        taken.add(unique);
        return [name, unique];
      });
      places.set(path, { file, names: Object.fromEntries(names) });
    }
  }
  return places;
}

/**
 * Gives classes back their names. esbuild writes `var Query = class _Query` for a class that names itself,
 * and `_Query` would be in stacks and in what `console.log` prints. Its option for that adds a call to each
 * function that is made.
 */
function withClassNames(text: string): string {
  const names = new Map(
    [...text.matchAll(/^var (\w+) = class (_\w+)\b/gm)].map((
      [, name = "", own = ""],
    ) => [own, name]),
  );
  return text.replaceAll(/(?<![\w$.#])_\w+/g, (own) => names.get(own) ?? own);
}

function exportsOf(members: readonly string[], places: Places): string {
  return members.map((path) => {
    const names = Object.entries(places.get(path)!.names).map(([name, as]) => `${name} as ${as}`);
    return names.length === 0
      ? `import "./${path}";`
      : `export { ${names.join(", ")} } from "./${path}";`;
  }).join("\n");
}

/** Returns the module, at `path`, that exports the names of another from its joined file. */
export function forwardingAt(path: string, place: Place): string {
  return forwarding(place, specifier(path, place.file));
}

function specifier(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to);
  return path.startsWith(".") ? path : `./${path}`;
}

function forwarding({ names }: Place, file: string): string {
  const list = Object.entries(names).map(([name, as]) => name === as ? name : `${as} as ${name}`);
  return `export { ${list.join(", ")} } from ${JSON.stringify(file)};\n`;
}

/** Replaces imports of modules that are in other files. */
function links(npm: string, inner: ReadonlySet<string>, places: Places): Plugin {
  const here = (file: string): string => `./${posix.basename(file)}`;
  return {
    name: "links",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir, kind, namespace }) => {
        if (namespace === "elsewhere") return { path, external: true, sideEffects: false };
        const module = relative(npm, join(resolveDir, path));
        if (kind === "dynamic-import") {
          return { path: here(chunkFile(module)), external: true };
        }
        if (!inner.has(module)) return { path: module, namespace: "elsewhere" };
        return undefined;
      });
      onLoad({ filter: /./, namespace: "elsewhere" }, ({ path }) => {
        const place = places.get(path)!;
        return { contents: forwarding(place, here(place.file)), resolveDir: npm };
      });
    },
  };
}

/** Replaces the names of package conditions. */
function renaming(names: Readonly<Record<string, string>>): Plugin {
  return {
    name: "renaming",
    setup: ({ onResolve }) =>
      onResolve({ filter: /^#/ }, ({ path }) => ({ path: names[path] ?? path, external: true })),
  };
}

/** Writes the entry points, and files for targets of `import()` that are in another's file. */
function writeFacades(npm: string, graph: Graph, places: Places, entries: readonly string[]): void {
  const write = (path: string, module: string, end = ""): void => {
    mkdirSync(dirname(join(npm, path)), { recursive: true });
    writeFileSync(join(npm, path), forwardingAt(path, places.get(module)!) + end);
  };
  for (const entry of entries) {
    const path = entryFile(entry);
    const isProgram = readFileSync(join(npm, entry), "utf8").includes("import.meta.main");
    write(path, entry, isProgram ? start(specifier(path, places.get(entry)!.file)) : "");
  }
  for (const module of new Set([...graph.values()].flatMap(({ dynamic }) => dynamic))) {
    const path = chunkFile(module);
    if (places.get(module)!.file !== path) write(path, module);
  }
}

/** Returns the end of an entry point that is also a program, as for `deno run npm:@cornac/pg/cli`. */
function start(file: string): string {
  return `import { main } from "${file}";\nif (import.meta.main) await main();\n`;
}
