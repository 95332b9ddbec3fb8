/** Runs a corpus: each query is inspected, run over data full of NULLs, and compared. */
import type { Connection } from "../../mod.ts";
import {
  inspect,
  type InspectedColumn,
  type JsonShape,
  type JsonValue,
} from "../../src/typed/typed.ts";
import type { Case } from "./corpus/schema.ts";

/** How a corpus came out. */
export interface Outcome {
  readonly queries: number;
  readonly columns: number;
  readonly right: number;
  /** Said never to be NULL, and NULL was seen or can come. */
  readonly unsafe: readonly string[];
  /** Said to be NULL-able, and never NULL. */
  readonly careful: readonly string[];
  /** The corpus contradicts its own data, or a query fails. */
  readonly wrong: readonly string[];
}

/** JSON is kept as its text, so that its null is not taken for NULL. */
const AS_TEXT = {
  rows: "array",
  types: { json: { parse: (text: string) => ({ text }) } },
} as const;

/** Runs the cases that the server's version knows; what they change is rolled back. */
export async function runCorpus(db: Connection, all: readonly Case[]): Promise<Outcome> {
  const { major } = db.serverVersion;
  const cases = all.filter((one) => one.since <= major && major <= one.until);
  const found = await inspect(db, cases.map((one) => one.text));
  const outcome = { queries: cases.length, columns: 0, right: 0 };
  const [unsafe, careful, wrong]: string[][] = [[], [], []];
  for (const [i, one] of cases.entries()) {
    const { columns, error, basis, reason } = found[i]!;
    if (error || columns.length !== one.truth.length || basis !== "tree") {
      wrong!.push(`${one.text}: ${error?.message ?? reason ?? `${columns.length} columns`}`);
      continue;
    }
    const rows = await rowsOf(db, one).catch((error: Error) => error);
    if (rows instanceof Error) {
      wrong!.push(`${one.text}: ${rows.message}`);
      continue;
    }
    for (const [j, column] of columns.entries()) {
      const [at, truth] = [`${one.text}: ${column.name}`, one.truth[j]!];
      const seen = rows.map((row) => row[j]);
      outcome.columns++;
      if (seen.includes(null) !== (truth === "?")) wrong!.push(`${at} is not ${truth}`);
      const isUnsafe = !column.nullable && (truth !== "!" || seen.includes(null)) ||
        seen.some((value) => value !== null && !holds(column, value));
      if (isUnsafe) unsafe!.push(at);
      else if (column.nullable && truth === "!") careful!.push(at);
      else outcome.right++;
    }
  }
  return { ...outcome, unsafe: unsafe!, careful: careful!, wrong: wrong! };
}

async function rowsOf(db: Connection, { text, parameters }: Case): Promise<unknown[][]> {
  let rows: unknown[][] = [];
  const undo = new Error("undo");
  await db.transaction(async (tx) => {
    rows = [...await tx.query(text, parameters, AS_TEXT) as Iterable<unknown>] as unknown[][];
    throw undo;
  }).catch((error) => {
    if (error !== undo) throw error;
  });
  return rows;
}

/** Reports whether a value is as its column says: the elements of an array, the keys of an object. */
function holds(column: InspectedColumn, value: unknown): boolean {
  if (column.elementsNullable === false && hasNull(value)) return false;
  const text = (value as { text?: string }).text;
  return column.json === undefined || text === undefined || fits(column.json, JSON.parse(text));
}

function hasNull(value: unknown): boolean {
  return Array.isArray(value) ? value.some(hasNull) : value === null;
}

function fits(shape: JsonShape, value: unknown): boolean {
  const within = (one: JsonValue, inner: unknown): boolean =>
    inner === null ? one.nullable || one.shape.kind === "unknown" : fits(one.shape, inner);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  switch (shape.kind) {
    case "unknown":
      return true;
    case "never":
      return false;
    case "literals":
      return shape.values.includes(value as string);
    case "array":
      return Array.isArray(value) && value.every((one) => within(shape.element, one));
    case "tuple":
      return Array.isArray(value) && value.length === shape.elements.length &&
        shape.elements.every((one, i) => within(one, value[i]));
    case "record":
      return isObject && Object.values(value).every((one) => within(shape.value, one));
    case "object":
      return isObject && Object.keys(value).length === shape.properties.length &&
        shape.properties.every((one) =>
          Object.hasOwn(value, one.name) && within(one, Reflect.get(value, one.name))
        );
    case "union":
      return shape.members.some((one) => fits(one, value));
    case "string":
      return typeof value === "string";
    case "number":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
  }
}
