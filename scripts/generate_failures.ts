/**
 * Writes the tables of FAILURES.md between their markers, from the table that the tests
 * check on every runtime.
 *
 *     deno run -A scripts/generate_failures.ts            # writes FAILURES.md
 *     deno run -A scripts/generate_failures.ts --check    # fails when FAILURES.md is not up to date
 */
import process from "node:process";
import {
  type FaultName,
  FAULTS,
  type OperationName,
  OPERATIONS,
  outcomeOf,
  short,
} from "../tests/server/failure_table.ts";
import { between, markdownTable, rewrite } from "./generate_parameter_table.ts";

const faults = Object.keys(FAULTS) as FaultName[];
const operations = Object.keys(OPERATIONS) as OperationName[];

/** Returns the page with its tables generated. */
export function withTables(text: string): string {
  const usual = between(text, "usual", usualTable());
  return between(between(usual, "exceptions", exceptionsTable()), "all", wholeTable());
}

function usualTable(): string {
  const rows = faults.map((fault) => {
    const { title, how, usual } = FAULTS[fault];
    const [comesTo, state] = usual.split(", ");
    return [title, how, comesTo!, state!];
  });
  return markdownTable(["fault", "how", "outcome", "the connection is"], rows);
}

function exceptionsTable(): string {
  const rows = operations.flatMap((operation) => {
    const { title, but } = OPERATIONS[operation];
    return Object.entries(but).map(([fault, outcome]) => {
      return [title, FAULTS[fault as FaultName].title, outcome];
    });
  });
  return markdownTable(["operation", "fault", "outcome"], rows);
}

function wholeTable(): string {
  const rows = operations.map((operation) => [
    OPERATIONS[operation].title,
    ...faults.map((fault) => short(outcomeOf(operation, fault))),
  ]);
  return markdownTable(["", ...faults.map((fault) => FAULTS[fault].title)], rows);
}

if (import.meta.main) process.exitCode = rewrite("FAILURES.md", withTables);
