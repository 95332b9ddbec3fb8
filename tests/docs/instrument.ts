/**
 * Makes a module of an example. What the example says of its values in comments behind a statement
 * becomes an expectation:
 *
 *     await db.query("select 42").scalar(); // → 42                the statement's value
 *     const [user] = await db.query("…"); // → { id: 7 }           the variable's value
 *     for (const n of [1, 2]) console.log(n); // → 1, 2            what was logged, each time
 *     await db.query("selct 1"); // throws ProgrammingError 42601: syntax error at or near "selct"
 *
 * A long one goes on in the following lines, indented: `//   …`.
 */
import ts from "typescript";
import type { Block } from "./blocks.ts";

/** The expected outcome of a statement. */
export interface Expectation {
  /** Line in the block, from 1. */
  readonly line: number;
  readonly text: string;
  readonly throws: boolean;
}

/** An example as a program, in TypeScript. */
export interface Program {
  /** The imports of the example. */
  readonly imports: string;
  /** The rest, as it is written. */
  readonly code: string;
  /** The rest with calls that report the value of each statement. */
  readonly body: string;
  readonly expectations: readonly Expectation[];
  /** All identifiers that occur and are neither imported nor declared at the top. */
  readonly free: ReadonlySet<string>;
}

const EXPECTED = /^[ \t]*\n?[ \t]*\/\/ (→|throws) (.*(?:\n[ \t]*\/\/ {2,}.*)*)/;

/**
 * Reads a block.
 *
 * @throws {Error} an expectation stands behind nothing that has a value.
 */
export function instrument({ code, first, place }: Block): Program {
  const source = first === "" ? code : `${first}\n${code}`;
  const file = ts.createSourceFile("block.ts", source, ts.ScriptTarget.Latest, true);
  const edits = new Edits(source);
  const expectations: Expectation[] = [];
  const visit = (node: ts.Node): void => {
    const expectation = ts.isStatement(node) && expectationBehind(source, node);
    if (expectation) edits.watch(node, expectations.push(expectation) - 1, expectation.throws);
    ts.forEachChild(node, visit);
  };
  visit(file);
  const wanted = source.match(/^.*\/\/ (→|throws) /gm)?.length ?? 0;
  if (edits.watched !== wanted) {
    throw new Error(`${place}: ${wanted} outputs are stated, ${edits.watched} can be checked`);
  }
  const imports = file.statements.filter(ts.isImportDeclaration);
  const plain = new Edits(source);
  for (const statement of imports) {
    for (const both of [edits, plain]) both.replace(statement.getStart(), statement.end, "");
  }
  return {
    imports: imports.map((statement) => statement.getText()).join("\n"),
    code: plain.apply(),
    body: edits.apply(),
    expectations,
    free: freeNames(file),
  };
}

function expectationBehind(source: string, statement: ts.Statement): Expectation | undefined {
  const { parent } = statement;
  // Of `for (…) log();` the inner statement is meant, which ends at the same place.
  const own = ts.isExpressionStatement(statement) || ts.isVariableStatement(statement);
  const found = own && parent && EXPECTED.exec(source.slice(statement.end));
  if (!found) return undefined;
  const text = found[2]!.replaceAll(/\n[ \t]*\/\/ {2,}/g, " ");
  const line = source.slice(0, statement.getStart()).split("\n").length;
  return { line, text, throws: found[1] === "throws" };
}

/** Changes to a text, applied from its end to its beginning. */
class Edits {
  readonly #source: string;
  readonly #edits: { start: number; end: number; text: string }[] = [];
  watched = 0;

  constructor(source: string) {
    this.#source = source;
  }

  replace(start: number, end: number, text: string): void {
    this.#edits.push({ start, end, text });
  }

  /** Has a statement report its value, or its error, under a number. */
  watch(statement: ts.Node, id: number, throws: boolean): void {
    this.watched++;
    const start = statement.getStart();
    if (throws) {
      this.replace(start, start, `await $throws(${id}, async () => { `);
      this.replace(statement.end, statement.end, ` });`);
    } else if (ts.isVariableStatement(statement)) {
      const { name } = statement.declarationList.declarations.at(-1)!;
      this.replace(statement.end, statement.end, ` $value(${id}, ${valueOf(name)});`);
    } else if (ts.isExpressionStatement(statement)) {
      const { expression } = statement;
      if (isLog(expression)) {
        this.replace(start, expression.expression.end, `$log(${id})`);
      } else {
        this.replace(start, start, `$value(${id}, (`);
        this.replace(expression.end, expression.end, "))");
      }
    }
  }

  apply(): string {
    let text = this.#source;
    for (const edit of this.#edits.toSorted((a, b) => b.start - a.start)) {
      text = text.slice(0, edit.start) + edit.text + text.slice(edit.end);
    }
    return text;
  }
}

function isLog(node: ts.Expression): node is ts.CallExpression {
  return ts.isCallExpression(node) && node.expression.getText() === "console.log";
}

/** The variable, or what a pattern takes apart: its one part, or all of them. */
function valueOf(name: ts.BindingName): string {
  if (ts.isIdentifier(name)) return name.text;
  const parts = name.elements.flatMap((part) =>
    ts.isBindingElement(part) ? [part.name.getText()] : []
  );
  if (parts.length === 1) return parts[0]!;
  return ts.isArrayBindingPattern(name) ? `[${parts}]` : `{ ${parts} }`;
}

function freeNames(file: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const statement of file.statements) {
    for (const name of declaredBy(statement)) names.delete(name);
  }
  return names;
}

function declaredBy(statement: ts.Statement): string[] {
  if (ts.isImportDeclaration(statement)) return importedBy(statement);
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => boundBy(name));
  }
  const { name } = statement as { name?: ts.Node };
  return name && ts.isIdentifier(name) ? [name.text] : [];
}

function importedBy({ importClause }: ts.ImportDeclaration): string[] {
  const bindings = importClause?.namedBindings;
  const own = importClause?.name ? [importClause.name.text] : [];
  if (bindings === undefined) return own;
  if (ts.isNamespaceImport(bindings)) return [...own, bindings.name.text];
  return [...own, ...bindings.elements.map(({ name }) => name.text)];
}

function boundBy(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((part) => ts.isBindingElement(part) ? boundBy(part.name) : []);
}
