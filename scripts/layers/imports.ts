import ts from "typescript";
import type { Subject, Violation } from "../check_layers.ts";

/**
 * The imports that a part of `src/` may have. `any`: values and types; `types`: `import type` only. An entry
 * is a folder (`bytes`) or one file (`runtime/runtime.ts`). Its own folder is always allowed, except
 * for features, which know one another only as declared in `PAIRS`.
 */
export interface Law {
  readonly any: readonly string[];
  readonly types?: readonly string[];
  /** The libraries that an adapter stands on: peer dependencies of the package. */
  readonly peers?: readonly string[];
  /** The modules of Node, which Deno and Bun have too, that an adapter of Node's interfaces needs. */
  readonly builtins?: readonly string[];
}

/** The import table of ARCHITECTURE.md; tests/unit/import_table.test.ts compares the two. */
export const LAWS: Readonly<Record<string, Law>> = {
  errors: { any: [] },
  bytes: { any: ["errors"] },
  certificates: { any: ["bytes", "errors"] },
  protocol: { any: ["bytes", "errors"] },
  auth: { any: ["certificates", "bytes", "errors"] },
  types: { any: ["bytes", "errors"] },
  runtime: { any: ["certificates", "errors"] },
  config: { any: ["errors", "runtime/runtime.ts"], types: ["runtime/dialled.ts"] },
  session: {
    any: ["protocol", "auth", "bytes", "errors"],
    types: ["runtime/runtime.ts", "config"],
  },
  query: {
    any: ["own_sql.ts", "session", "types", "protocol", "bytes", "errors"],
    types: ["trace.ts"],
  },
  features: {
    any: ["own_sql.ts", "query", "session", "types", "protocol", "bytes", "errors"],
    types: ["trace.ts"],
  },
  dbapi: {
    any: ["own_sql.ts", "features/implicit.ts", "features/late_sql.ts", "query", "types", "errors"]
      .concat("connect.ts"),
    types: ["connection.ts", "queryable.ts", "features/bulk.ts"],
  },
  pool: {
    any: ["connect.ts", "connection.ts", "connection_core.ts", "config", "runtime/runtime.ts"]
      .concat(
        "own_sql.ts",
        "features",
        "query",
        "session",
        "types",
        "protocol",
        "bytes",
        "errors",
        "trace.ts",
      ),
  },
  compat: {
    any: ["connect.ts", "connection.ts", "connection_core.ts", "config", "runtime", "own_sql.ts"]
      .concat("replication", "features", "query", "session", "types", "protocol", "bytes")
      .concat("errors", "trace.ts"),
    types: ["queryable.ts", "pool.ts"],
    builtins: ["node:buffer", "node:events", "node:fs", "node:fs/promises", "node:os"]
      .concat("node:process", "node:stream", "node:timers"),
  },
  pglite: {
    any: ["connect.ts", "own_sql.ts", "protocol", "errors"],
    types: ["connection.ts", "query/source.ts"],
    peers: ["@electric-sql/pglite"],
  },
  "own_sql.ts": { any: [] },
  websocket: { any: ["errors"], types: ["query/source.ts", "runtime/runtime.ts"] },
  otel: {
    any: ["query/lexer.ts", "errors"],
    types: ["trace.ts", "pool/pool_trace.ts"],
    peers: ["@opentelemetry/api"],
    builtins: ["node:diagnostics_channel"],
  },
  kysely: {
    any: ["own_sql.ts", "pool.ts", "connection.ts", "features", "query", "errors"],
    types: ["connect.ts", "queryable.ts", "runtime"],
    peers: ["kysely"],
  },
  prisma: {
    any: ["own_sql.ts", "pool", "pool.ts", "features", "query", "types", "errors"],
    types: ["connect.ts", "queryable.ts", "bytes"],
    peers: ["@prisma/driver-adapter-utils"],
  },
  drizzle: {
    any: ["own_sql.ts", "pool.ts", "features", "query", "types", "errors"],
    types: ["connect.ts", "connection.ts", "runtime"],
    peers: ["drizzle-orm"].concat(
      ...["batch", "cache/core", "cache/core/types", "migrator", "pg-core", "relations", "utils"]
        .map((name) => `drizzle-orm/${name}`),
    ),
  },
  typed: {
    any: ["query", "types", "protocol", "errors"],
    types: ["connection.ts", "queryable.ts"],
  },
  replication: {
    any: ["connect.ts", "connection.ts", "connection_core.ts", "config", "runtime/runtime.ts"]
      .concat("own_sql.ts", "query", "session", "types", "protocol", "bytes", "errors", "trace.ts"),
    types: ["queryable.ts", "pool.ts"],
  },
  cli: {
    any: ["own_sql.ts", "features/late_sql.ts", "typed", "connect.ts", "pglite", "query", "errors"],
    types: ["connection.ts", "runtime/workplace.ts"],
  },
  "trace.ts": { any: ["errors"], types: ["runtime/runtime.ts"] },
};

/** The files directly in `src/` that stand above all folders and may import any of them. */
export const ROOTS: readonly string[] = [
  "connect.ts",
  "connection.ts",
  "connection_core.ts",
  "late.ts",
  "pool.ts",
  "queryable.ts",
];

/** Features that may know one another: importer → imported. */
const PAIRS: ReadonlySet<string> = new Set([
  "features/copy.ts features/byte_stream.ts",
  "features/large_object.ts features/open_large_object.ts",
  "features/copy.ts features/copy_code.ts",
  "features/copy.ts features/copy_in.ts",
  "features/copy.ts features/copy_rows.ts",
  "features/copy_code.ts features/copy_in.ts",
  "features/copy_code.ts features/copy_out.ts",
  "features/copy_code.ts features/copy_rows.ts",
  "features/copy_in.ts features/copy_lock.ts",
  "features/copy_rows.ts features/copied_rows.ts",
  "features/copy.ts features/copied_rows.ts",
  "features/copy_rows.ts features/copy_in.ts",
  "features/copy_rows.ts features/copy_out.ts",
  "features/copy_rows.ts features/copy_statement.ts",
  "features/copy.ts features/copy_lock.ts",
  "features/copy_out.ts features/copy_lock.ts",
  "features/copy_rows.ts features/copy_lock.ts",
  "features/copy.ts features/copy_out.ts",
  "features/copy.ts features/copy_statement.ts",
  "features/copy_in.ts features/copy_statement.ts",
  "features/copy_out.ts features/copy_statement.ts",
  "features/copy_rows.ts features/copy_encoding.ts",
  "features/bulk.ts features/copy.ts",
  "features/bulk.ts features/copy_rows.ts",
  "features/bulk.ts features/notify.ts",
  "features/listen.ts features/notify.ts",
  "features/first_transaction.ts features/transaction.ts",
  "features/first_transaction.ts features/block.ts",
  "features/first_transaction.ts features/transaction_errors.ts",
  "features/copy_rows.ts features/late_sql.ts",
  "features/large_object.ts features/late_sql.ts",
  "features/open_large_object.ts features/late_sql.ts",
  "features/listen.ts features/late_sql.ts",
  "features/two_phase.ts features/late_sql.ts",
  "features/transaction.ts features/within.ts",
  "features/block.ts features/within.ts",
  "features/block.ts features/transaction_errors.ts",
  "features/implicit.ts features/within.ts",
  "features/transaction.ts features/bulk.ts",
  "features/transaction.ts features/large_object.ts",
  "features/open_transaction.ts features/transaction.ts",
  "features/transaction.ts features/block.ts",
  "features/block.ts features/begin.ts",
  "features/block.ts features/prepare_transaction.ts",
  "features/prepare_transaction.ts features/two_phase.ts",
  "features/implicit.ts features/begin.ts",
  "features/implicit.ts features/bulk.ts",
]);

/** A file that speaks to one runtime; `node_tls.ts` is a part of `node.ts`. */
export const ADAPTER: RegExp = /^src\/runtime\/(deno|bun|node|workers|browser)(_\w+)?\.ts$/;

/** The command-line tool's entry, and the adapter that it runs on: a program, and no library. */
export const TOOL = "src/cli/cli.ts";
const TOOL_ADAPTER = "src/runtime/node_workplace.ts";

export interface Import {
  readonly node: ts.Node;
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
}

/** Checks every import of a file against the table above. */
export function checkImports(subject: Subject): void {
  for (const one of importsOf(subject.source)) {
    if (/^(https?|jsr|npm):/.test(one.specifier)) {
      subject.report(one.node, "remote-import", `"${one.specifier}": name it in deno.json instead`);
    } else if (subject.file.startsWith("src/")) checkSourceImport(subject, one);
  }
  if (subject.file.startsWith("src/")) checkPlace(subject);
}

function checkPlace(subject: Subject): void {
  const part = partOf(subject.file);
  if (part in LAWS || ROOTS.includes(part)) return;
  subject.report(1, "unknown-part", `src/${part} is not in the import table; declare it there`);
}

function checkSourceImport(subject: Subject, one: Import): void {
  const { node, specifier } = one;
  if (/^(node|cloudflare):/.test(specifier)) return checkBuiltin(subject, one);
  if (!specifier.startsWith(".")) {
    if (LAWS[partOf(subject.file)]?.peers?.includes(specifier)) return;
    return subject.report(node, "dependency", `"${specifier}": src has no dependencies`);
  }
  const target = resolveImport(subject.file, specifier);
  if (!target.startsWith("src/")) {
    return subject.report(node, "outside", `"${specifier}" lies outside src`);
  }
  if (ADAPTER.test(target)) return checkAdapter(subject, target, one);
  const reason = refusal(subject.file.slice(4), target.slice(4), one.typeOnly);
  if (reason !== undefined) subject.report(node, "layer", reason);
}

function checkBuiltin(subject: Subject, { node, specifier }: Import): void {
  if (ADAPTER.test(subject.file)) return;
  if (LAWS[partOf(subject.file)]?.builtins?.includes(specifier)) return;
  subject.report(node, "runtime-name", `"${specifier}": only runtime/{deno,bun,node} may`);
}

/** `bun.ts` and `deno.ts` stand on `node.ts` for what their own sockets cannot do. */
function checkAdapter(subject: Subject, target: string, one: Import): void {
  const from = ADAPTER.exec(subject.file)?.[1];
  const to = ADAPTER.exec(target)?.[1];
  if (from !== undefined && (to === from || to === "node")) return;
  if (subject.file === "src/runtime/detect.ts" && one.dynamic) return;
  if (subject.file === TOOL && target === TOOL_ADAPTER) return;
  subject.report(
    one.node,
    "adapter",
    `${target} is imported by runtime/detect.ts only, and dynamically`,
  );
}

function refusal(from: string, to: string, typeOnly: boolean): string | undefined {
  const part = from.split("/")[0] ?? from;
  const law = LAWS[part];
  if (law === undefined) return undefined;
  if (part === "features" && to.startsWith("features/")) {
    return PAIRS.has(`${from} ${to}`) ? undefined : `${from} may not import ${to}`;
  }
  const covers = (name: string): boolean => name === to || to.startsWith(`${name}/`);
  if (covers(part) || law.any.some(covers)) return undefined;
  if (!law.types?.some(covers)) return `${part} may not import ${to}`;
  return typeOnly ? undefined : `${part} may import only types from ${to}: use "import type"`;
}

/** Checks the import map: nothing from JSR or the open web on the path of build or test. */
export function checkImportMap(text: string, violations: Violation[]): void {
  const { imports = {} } = JSON.parse(text) as { imports?: Record<string, string> };
  for (const [name, target] of Object.entries(imports)) {
    if (/^(npm:|\.)/.test(target)) continue;
    const line = text.slice(0, text.indexOf(`"${name}"`)).split("\n").length;
    const message = `"${name}" maps to "${target}": npm: and relative paths only`;
    violations.push({ file: "deno.json", line, rule: "remote-import", message });
  }
}

const INDEPENDENT = "tests/_kit/scripted_server.ts";

/**
 * Checks that the scripted server reaches nothing of `src/`, through whatever it imports: a server
 * built from the driver's own protocol code would agree with its mistakes.
 */
export function checkReach(subjects: ReadonlyMap<string, Subject>): void {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    const subject = subjects.get(file);
    if (subject === undefined || seen.has(file)) return;
    seen.add(file);
    for (const { node, specifier } of importsOf(subject.source)) {
      const target = specifier.startsWith(".") ? resolveImport(file, specifier) : specifier;
      if (/^(src\/|mod\.ts$)/.test(target)) {
        subject.report(node, "independence", `${INDEPENDENT} must not reach ${target}`);
      } else visit(target);
    }
  };
  visit(INDEPENDENT);
}

function partOf(file: string): string {
  return file.split("/")[1] ?? file;
}

export function resolveImport(from: string, specifier: string): string {
  const path = from.split("/").slice(0, -1);
  for (const step of specifier.split("/")) {
    if (step === "..") path.pop();
    else if (step !== ".") path.push(step);
  }
  return path.join("/");
}

export function importsOf(source: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (
    node: ts.Node,
    at: ts.Node | undefined,
    typeOnly: boolean,
    dynamic: boolean,
  ): void => {
    if (at === undefined || !ts.isStringLiteralLike(at)) return;
    found.push({ node, specifier: at.text, typeOnly, dynamic });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, importsTypesOnly(node), false);
    } else if (ts.isExportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.isTypeOnly, false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node, node.argument.literal, true, false);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false, true);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function importsTypesOnly({ importClause }: ts.ImportDeclaration): boolean {
  if (importClause === undefined) return false;
  if (importClause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const names = importClause.namedBindings;
  return importClause.name === undefined && names !== undefined && ts.isNamedImports(names) &&
    names.elements.length > 0 && names.elements.every((element) => element.isTypeOnly);
}
