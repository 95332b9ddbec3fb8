import { PACKED_CONDITIONS } from "./packed_conditions.ts";
import type { ConditionName } from "./sqlstate.ts";

/**
 * Returns PostgreSQL's name of a SQLSTATE, or `undefined` for one that it does not list. Reads the
 * packed table, so that programs without `CONDITIONS` do not load that.
 */
export function conditionOf(code: string): ConditionName | undefined {
  const start = code.slice(0, 2);
  const names = PACKED_CONDITIONS.split("\n").find((names) => names.startsWith(start)) ?? "";
  let number = -1;
  for (const entry of names.slice(2).split(",")) {
    const [, digits = "", name] = /^([0-9A-Z]*)(.*)/.exec(entry)!;
    number = digits === "" ? number + 1 : parseInt(digits, 36);
    const listed = start + number.toString(36).toUpperCase().padStart(3, "0");
    if (listed === code) return name as ConditionName;
  }
  return undefined;
}
