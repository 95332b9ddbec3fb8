import ts from "typescript";
import type { Subject } from "../check_layers.ts";
import { ADAPTER, TOOL } from "./imports.ts";

const RUNTIME_NAMES: ReadonlySet<string> = new Set(["Deno", "Bun", "process", "Buffer", "require"]);

/** Not in Node 20, the oldest runtime that the npm package serves. */
const TOO_NEW: ReadonlySet<string> = new Set([
  "withResolvers",
  "toBase64",
  "fromBase64",
  "setFromBase64",
  "toHex",
  "fromHex",
  "setFromHex",
]);

/** Checks what a file of `src/` (and `mod.ts`) says, apart from its imports. */
export function checkSyntax(subject: Subject): void {
  if (subject.file === "mod.ts") return checkEntry(subject);
  if (!subject.file.startsWith("src/")) return;
  checkTopLevel(subject);
  const visit = (node: ts.Node): void => {
    checkRuntimeName(subject, node);
    checkBanned(subject, node);
    ts.forEachChild(node, visit);
  };
  visit(subject.source);
}

function checkEntry(subject: Subject): void {
  for (const statement of subject.source.statements) {
    if (ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined) {
      if (statement.exportClause !== undefined) continue;
      subject.report(statement, "entry", "mod.ts names what it exports, one by one");
    } else subject.report(statement, "entry", "mod.ts holds no code");
  }
}

/** Importing does nothing, and leaves nothing behind that could change. */
function checkTopLevel(subject: Subject): void {
  for (const statement of subject.source.statements) {
    if (ts.isVariableStatement(statement)) {
      if ((statement.declarationList.flags & ts.NodeFlags.Const) !== 0) continue;
      subject.report(statement, "module-state", "no mutable variable at module level");
    } else if (!isDeclaration(statement) && subject.file !== TOOL) {
      subject.report(statement, "import-work", "nothing may run on import");
    }
  }
}

function isDeclaration(statement: ts.Statement): boolean {
  return ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement) ||
    ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement) ||
    ts.isModuleDeclaration(statement) || ts.isEnumDeclaration(statement) ||
    ts.isEmptyStatement(statement);
}

function checkRuntimeName(subject: Subject, node: ts.Node): void {
  if (ADAPTER.test(subject.file)) return;
  const isNamed = ts.isIdentifier(node) && RUNTIME_NAMES.has(node.text) && isFreeName(node) &&
    !isImported(subject.source, node.text);
  // detect.ts may ask `globalThis` which runtime this is, and nothing more.
  const isAsked = subject.file !== "src/runtime/detect.ts" && asksForRuntime(node);
  if (!isNamed && !isAsked) return;
  const text = node.getText(subject.source);
  subject.report(node, "runtime-name", `${text}: only runtime/{deno,bun,node} may name it`);
}

/** Reports whether a file imports a name, which then is not the runtime's global. */
function isImported({ statements }: ts.SourceFile, name: string): boolean {
  return statements.filter(ts.isImportDeclaration).some(({ importClause }) => {
    const named = importClause?.namedBindings;
    const isListed = named !== undefined && ts.isNamedImports(named) &&
      named.elements.some((element) => element.name.text === name);
    return isListed || importClause?.name?.text === name;
  });
}

/** Whether an identifier stands for itself rather than for a member of something. */
function isFreeName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isExportSpecifier(parent)) return parent.parent.parent.moduleSpecifier === undefined;
  if (ts.isBindingElement(parent)) return parent.propertyName !== node;
  const isMember = ts.isPropertyAssignment(parent) || ts.isClassElement(parent) ||
    ts.isTypeElement(parent);
  return !isMember || parent.name !== node;
}

/** `anything.Deno`, `globalThis.process`, `globalThis["Bun"]`, `"Deno" in globalThis`. */
function asksForRuntime(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isIdentifier(node) && RUNTIME_NAMES.has(node.text)) {
    return ts.isPropertyAccessExpression(parent) && parent.name === node &&
      (/^(Deno|Bun)$/.test(node.text) || isGlobalThis(parent.expression));
  }
  if (!ts.isStringLiteralLike(node) || !RUNTIME_NAMES.has(node.text)) return false;
  if (ts.isElementAccessExpression(parent)) return isGlobalThis(parent.expression);
  return ts.isBinaryExpression(parent) && isGlobalThis(parent.right) &&
    parent.operatorToken.kind === ts.SyntaxKind.InKeyword;
}

function isGlobalThis(node: ts.Node): boolean {
  while (
    ts.isAsExpression(node) || ts.isParenthesizedExpression(node) || ts.isSatisfiesExpression(node)
  ) node = node.expression;
  return ts.isIdentifier(node) && node.text === "globalThis";
}

function checkBanned(subject: Subject, node: ts.Node): void {
  const reason = banned(node);
  if (reason !== undefined) subject.report(node, "banned", reason);
}

function banned(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return "no any: say what it is, or unknown";
  if (ts.isIdentifier(node) && node.text === "Proxy" && isFreeName(node)) return "no Proxy";
  if (ts.isEnumDeclaration(node) || ts.isModuleDeclaration(node) && ts.isIdentifier(node.name)) {
    return "erasable syntax only: no enum, no namespace";
  }
  if (ts.isParameterPropertyDeclaration(node, node.parent)) {
    return "erasable syntax only: no parameter properties";
  }
  if (ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.Using) !== 0) {
    return "Node 20 has no using: write try/finally";
  }
  if (ts.isPropertyAccessExpression(node) && TOO_NEW.has(node.name.text)) {
    return `Node 20 has no ${node.name.text}`;
  }
  return undefined;
}
