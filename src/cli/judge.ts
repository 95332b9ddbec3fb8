/** Compares what stands at a template with what its statements are. */
import type { DatabaseError } from "../errors/errors.ts";
import type { Inspection } from "../typed/typed.ts";
import {
  columnType,
  imported,
  nullable,
  objectType,
  type TypescriptOptions,
  valueType,
} from "../typed/typescript.ts";
import { propertyName } from "../typed/names.ts";
import type { FoundTemplate } from "./sources.ts";
import { splitAtCommas } from "./sql_templates.ts";
import type { Token } from "./source_tokens.ts";
import { isType, isWritten, membersOf } from "./type_text.ts";
import type { Variant } from "./variants.ts";

/** The result of a comparison. */
export type Verdict =
  | { readonly kind: "right" }
  /** The types are wrong, or missing where `before` is empty; `after` is right. */
  | {
    readonly kind: "types";
    readonly before: string;
    readonly after: string;
    readonly notes: readonly string[];
  }
  /** The server refuses a statement, at an offset in the source. */
  | { readonly kind: "refused"; readonly message: string; readonly offset: number }
  | { readonly kind: "different"; readonly message: string }
  | { readonly kind: "unchecked"; readonly why: string };

/** A verdict, and the row that the statements have where the user has a name for it. */
export interface Judgement {
  readonly verdict: Verdict;
  /** To verify: the user's own type of rows must take what the statements return. */
  readonly ownRow?: { readonly tokens: readonly Token[]; readonly expected: string };
}

/** The types of a template. */
interface Expected {
  readonly row: string;
  readonly values: string;
  readonly columns: ReadonlyMap<string, string>;
}

/** Judges a template by the inspections of its variants. */
export function judge(
  template: FoundTemplate,
  source: string,
  found: (text: string) => Inspection,
  options: TypescriptOptions,
): Judgement {
  const { statements } = template;
  if ("unknown" in statements) return { verdict: { kind: "unchecked", why: statements.unknown } };
  const inspections = statements.variants.map(({ text }) => found(text));
  for (const [i, { error }] of inspections.entries()) {
    if (error) return { verdict: refusal(error, statements.variants[i]!, template) };
  }
  const expected = expectedOf(template, statements.variants, inspections, options);
  if (typeof expected === "string") return { verdict: { kind: "different", message: expected } };
  return compared(template, source, expected, inspections);
}

function refusal(error: DatabaseError, variant: Variant, template: FoundTemplate): Verdict {
  const hint = error.hint === undefined ? "" : `\n  ${error.hint}`;
  const offset = offsetOf(error, variant) ?? template.start;
  return { kind: "refused", message: `${error.message}${hint}`, offset };
}

/** The server counts characters, from 1; a character outside of the source is looked for before it. */
function offsetOf({ position }: DatabaseError, { text, offsets }: Variant): number | undefined {
  const characters = Number(position) - 1;
  if (!(characters >= 0)) return undefined;
  let at = [...text].slice(0, characters).join("").length;
  while (at > 0 && (offsets[at] ?? -1) < 0) at--;
  const offset = offsets[at];
  return offset === undefined || offset < 0 ? undefined : offset;
}

/** Returns the types, or why the variants of a template do not fit one another. */
function expectedOf(
  template: FoundTemplate,
  variants: readonly Variant[],
  inspections: readonly Inspection[],
  options: TypescriptOptions,
): Expected | string {
  const [first, ...others] = inspections.map(({ columns }) => columns);
  const names = first!.map(({ name }) => name);
  const other = others.find((columns) =>
    columns.map(({ name }) => name).join("\0") !== names.join("\0")
  );
  if (other !== undefined) {
    const list = (columns: typeof other): string =>
      columns.map(({ name }) => name).join(", ") || "none";
    return `the statements that it becomes have different columns: ${list(first!)}; ${list(other)}`;
  }
  const types = names.map((_, i) => {
    const all = inspections.map(({ columns }) => columns[i]!);
    const plain = new Set(all.map((column) => columnType({ ...column, nullable: false }, options)));
    return nullable([...plain].join(" | "), all.some((column) => column.nullable));
  });
  const columns = new Map(names.map((name, i) => [name, types[i]!]));
  const members = [...columns].map(([name, type]) => `${propertyName(name)}: ${type}`);
  const row = options.rows === "array" ? `[${types.join(", ")}]` : objectType(members);
  const values = template.fragments.map((isFragment, hole) =>
    isFragment ? imported(FRAGMENT, options) : holeType(hole, variants, inspections, options)
  );
  return {
    columns,
    row: names.length === 0 ? "never" : row,
    values: template.fragments.every((isFragment) => isFragment) ? "" : `[${values.join(", ")}]`,
  };
}

const FRAGMENT = 'import("@cornac/pg").Fragment';

/** A value's type is that of its parameter, in each statement that has it. */
function holeType(
  hole: number,
  variants: readonly Variant[],
  inspections: readonly Inspection[],
  options: TypescriptOptions,
): string {
  const parameters = variants.flatMap(({ holes }, i) =>
    holes.flatMap((one, number) => one === hole ? inspections[i]!.parameters[number] ?? [] : [])
  );
  const plain = new Set(parameters.map((one) => valueType({ ...one, nullable: false }, options)));
  if (plain.size === 0) return imported('import("@cornac/pg").SqlValue', options);
  return nullable([...plain].join(" | "), parameters.some((one) => one.nullable));
}

function compared(
  template: FoundTemplate,
  source: string,
  { row, values, columns }: Expected,
  inspections: readonly Inspection[],
): Judgement {
  const [rowTokens, valueTokens] = splitAtCommas(template.typeTokens);
  const isOwn = rowTokens !== undefined && !isWritten(rowTokens);
  const rowText = isOwn ? source.slice(rowTokens[0]!.start, rowTokens.at(-1)!.end) : row;
  const ownRow = isOwn && row !== "never" ? { ownRow: { tokens: rowTokens, expected: row } } : {};
  const after = `<${[rowText, values].filter((text) => text !== "").join(", ")}>`;
  const before = template.types ? source.slice(template.types.start, template.types.end) : "";
  if (before === "" && row === "never" && values === "") return { verdict: { kind: "right" } };
  const isRight = rowTokens !== undefined && (isOwn || isType(rowTokens, row)) &&
    (values === ""
      ? valueTokens === undefined
      : valueTokens !== undefined && isType(valueTokens, values));
  if (isRight) return { verdict: { kind: "right" }, ...ownRow };
  const isDescribed = inspections.some(({ basis, columns }) =>
    basis === "describe" && columns.length > 0
  );
  const reason = isDescribed
    ? [`only described: ${inspections.find((one) => one.reason)?.reason}`]
    : [];
  const notes = isOwn || rowTokens === undefined ? [] : differences(rowTokens, columns);
  return { verdict: { kind: "types", before, after, notes: [...notes, ...reason] }, ...ownRow };
}

/** Says what is wrong with the columns of a row. */
function differences(tokens: readonly Token[], columns: ReadonlyMap<string, string>): string[] {
  const members = membersOf(tokens);
  if (members === undefined) return [];
  const gone = [...members.keys()].filter((name) => !columns.has(name))
    .map((name) => `there is no column "${name}"`);
  const notes = [...columns].flatMap(([name, type]) => {
    const member = members.get(name);
    if (member === undefined) return [`the column "${name}" is missing`];
    if (isType(member, type)) return [];
    if (isType(member, type.replace(/ \| null$/, ""))) return [`"${name}" can be NULL`];
    if (isType(member, `${type} | null`)) return [`"${name}" cannot be NULL`];
    return [`"${name}" is ${type}`];
  });
  return [...gone, ...notes];
}
