import { InterfaceError, NotSupportedError } from "../errors/errors.ts";
import { loaded } from "../errors/loading.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { choice, type Given, type GivenValue } from "./given.ts";
import type { ConnectOptions } from "./options.ts";
import {
  type Parameter,
  parameter,
  PARAMETERS,
  refusesEmpty,
  SESSION_VARIABLES,
} from "./parameters.ts";
import { optionTexts } from "./validate.ts";

/** Returns the text of each keyword of a connection string. */
export type DsnParser = (dsn: string) => ReadonlyMap<string, string>;

/**
 * Merges all sources: options, connection string, service file, environment, the stronger ones first.
 * Defaults are not applied.
 *
 * A source that is missing or may not be read is skipped, unless it is a service or a file that was
 * named.
 *
 * Source: `conninfo_add_defaults` of `fe-connect.c`.
 *
 * @throws {InterfaceError} the string or the service file is malformed, or a value is not allowed.
 * @throws {NotSupportedError} the driver does not support the value of a parameter.
 */
export async function gather(
  dsn: string | undefined,
  options: ConnectOptions,
  runtime: Runtime,
  early?: Early,
): Promise<Given> {
  const values = early?.isComplete ? early.values : await gatherAll(dsn, options, runtime);
  for (const [keyword, value] of values) checkValue(parameter(keyword)!, value);
  return values;
}

async function gatherAll(
  dsn: string | undefined,
  options: ConnectOptions,
  runtime: Runtime,
): Promise<Given> {
  const values = fromCaller(dsn, options, await parserFor(dsn));
  await addService(values, runtime);
  addEnvironment(values, runtime);
  return values;
}

/** The result of {@linkcode gatherWithoutFiles}. */
export interface Early {
  readonly values: Given;
  /** Whether these are all sources, because no service is named. */
  readonly isComplete: boolean;
}

/** Merges the sources that need no file, unchecked. */
export async function gatherWithoutFiles(
  dsn: string | undefined,
  options: ConnectOptions,
  runtime: Runtime,
): Promise<Early> {
  const values = fromCaller(dsn, options, await parserFor(dsn));
  const isComplete = serviceOf(values, runtime) === "";
  addEnvironment(values, runtime);
  return { values, isComplete };
}

/**
 * Brings together and checks what the caller gives; `parse` parses connection strings.
 *
 * @throws {InterfaceError | NotSupportedError} as {@linkcode gather} does.
 */
export function gatherFromCaller(
  dsn: string | undefined,
  options: ConnectOptions,
  parse: DsnParser,
): Given {
  const values = fromCaller(dsn, options, parse);
  for (const [keyword, value] of values) checkValue(parameter(keyword)!, value);
  return values;
}

/** Loads the parser of connection strings if there is one to parse. */
async function parserFor(dsn: string | undefined): Promise<DsnParser | undefined> {
  if (dsn === undefined) return undefined;
  return (await loaded(import("./dsn.ts"), "the parser of connection strings")).parseDsn;
}

function fromCaller(
  dsn: string | undefined,
  options: ConnectOptions,
  parse: DsnParser | undefined,
): Map<string, GivenValue> {
  const values = new Map<string, GivenValue>();
  for (const [keyword, text, name] of optionTexts(options)) {
    values.set(keyword, { text, name, source: "option" });
  }
  if (dsn !== undefined) addDsn(values, parse!(dsn), options.allowedDsnKeys);
  return values;
}

/**
 * Returns the run-time parameters from the environment: `PGDATESTYLE`, `PGTZ` and `PGGEQO`.
 *
 * Source: `build_startup_packet` of `fe-protocol3.c`.
 */
export function sessionVariables(runtime: Runtime): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const [env, name] of SESSION_VARIABLES) {
    const text = runtime.env(env);
    if (text !== undefined && text !== "" && text.toLowerCase() !== "default") {
      parameters[name] = text;
    }
  }
  return parameters;
}

function addDsn(
  values: Map<string, GivenValue>,
  pairs: ReadonlyMap<string, string>,
  allowed: readonly string[] | undefined,
): void {
  for (const [keyword, text] of pairs) {
    if (allowed !== undefined && !allowed.includes(keyword)) {
      throw new InterfaceError(
        `the connection string (not shown) sets "${keyword}", which allowedDsnKeys does not allow`,
      );
    }
    const value = { text, name: `"${keyword}" in the connection string`, source: "dsn" } as const;
    if (!values.has(keyword)) values.set(keyword, value);
  }
}

function addEnvironment(values: Map<string, GivenValue>, runtime: Runtime): void {
  for (const row of PARAMETERS) {
    const { keyword, env } = row;
    if (env === undefined || values.has(keyword)) continue;
    const text = runtime.env(env);
    if (text !== undefined && (text !== "" || refusesEmpty(row))) {
      values.set(keyword, { text, name: env, source: "environment" });
    } else if (keyword === "sslmode" && runtime.env("PGREQUIRESSL")?.startsWith("1")) {
      // Deprecated. libpq translates it only if no other source gives sslmode.
      values.set(keyword, { text: "require", name: "PGREQUIRESSL", source: "environment" });
    }
  }
}

/** Adds the parameters of the service, if one is named. */
async function addService(values: Map<string, GivenValue>, runtime: Runtime): Promise<void> {
  const service = serviceOf(values, runtime);
  if (service === "") return;
  const code = loaded(import("./service_file.ts"), "the code for service files");
  await (await code).addServiceFrom(values, service, runtime);
}

/** Returns the name of the service; empty if none is named. */
function serviceOf(values: Given, runtime: Runtime): string {
  return values.get("service")?.text ?? runtime.env("PGSERVICE") ?? "";
}

function checkValue(row: Parameter, { text, name, source }: GivenValue): void {
  if (text === "") {
    if (source === "option" || !refusesEmpty(row)) return;
    const choices = typeof row.kind === "object"
      ? `; it must be one of ${row.kind.join(", ")}`
      : "";
    throw new InterfaceError(`${name} is empty${choices}`);
  }
  if (text.includes("\0")) throw new InterfaceError(`${name} contains a NUL byte`);
  if (typeof row.kind === "object") choice(name, text, row.kind);
  if (row.harmless !== undefined && !row.harmless.includes(text)) {
    throw new NotSupportedError(`${name} is not supported: ${row.remark}`);
  }
}
