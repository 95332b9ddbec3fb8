/** What is done again when a statement has turned out to be stale, and how. */
import { own } from "../errors/own.ts";
import type { ExecuteOptions } from "./execute_options.ts";

/** How often what failed over stale statements is run again. */
export const ATTEMPTS = 3;

/** How it is run after `attempt`: in the end without names, for behind a pooler any name may be unknown. */
export function optionsOfAttempt(options: ExecuteOptions, attempt: number): ExecuteOptions {
  return attempt + 1 < ATTEMPTS ? options : own<ExecuteOptions>(options, { prepare: false });
}
