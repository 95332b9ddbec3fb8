import type { ColumnDescription } from "../../protocol/backend.ts";
import type { ParsedOptions } from "./options.ts";
import type { Runnable } from "./runnable.ts";
import type { StatementView } from "./statement_view.ts";
import type { Anything } from "./value_types.ts";

/** Makes a row as the program gets it, from the values in the order of the columns. */
export type RowMaker = (values: unknown[]) => unknown;

/** Returns what makes rows, or `undefined` where the decoder's rows are those of the program. */
export function rowMaker(
  descriptions: readonly ColumnDescription[],
  view: StatementView,
  shape: Runnable["shape"],
  { column, value: { from: ofValue }, row: { from: ofRow } }: ParsedOptions["transform"],
): RowMaker | undefined {
  const isValued = ofValue !== undefined && shape !== "raw";
  if (column.from === undefined && !isValued && ofRow === undefined) return undefined;
  const { columns } = view;
  const names = descriptions.map((_, i) => columns[i]!.name);
  return (values) => {
    if (isValued) {
      for (let i = 0; i < values.length; i++) values[i] = ofValue(values[i], columns[i]!);
    }
    const row = shape === "object" ? byName(names, values) : values;
    return ofRow === undefined ? row : ofRow(row as Anything);
  };
}

function byName(names: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (name !== "__proto__") row[name] = values[i];
    else {
      const how = { value: values[i], enumerable: true, configurable: true, writable: true };
      Object.defineProperty(row, name, how);
    }
  }
  return row;
}
