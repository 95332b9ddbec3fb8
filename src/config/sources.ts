import { InterfaceError, NotSupportedError } from "../errors/errors.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { parseDsn } from "./dsn.ts";
import { choice, type Given, given, type GivenValue } from "./given.ts";
import type { ConnectOptions } from "./options.ts";
import { permissionHint } from "./permissions.ts";
import {
  type Parameter,
  parameter,
  PARAMETERS,
  refusesEmpty,
  SESSION_VARIABLES,
} from "./parameters.ts";
import { suggestion, trimBoth } from "./spelling.ts";
import { optionTexts } from "./validate.ts";

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
): Promise<Given> {
  const values = fromCaller(dsn, options);
  await addService(values, runtime);
  addEnvironment(values, runtime);
  for (const [keyword, value] of values) checkValue(parameter(keyword)!, value);
  return values;
}

/** Merges the sources that need no file. */
export function gatherWithoutFiles(
  dsn: string | undefined,
  options: ConnectOptions,
  runtime: Runtime,
): Given {
  const values = fromCaller(dsn, options);
  addEnvironment(values, runtime);
  return values;
}

/**
 * Brings together and checks what the caller gives.
 *
 * @throws {InterfaceError | NotSupportedError} as {@linkcode gather} does.
 */
export function gatherFromCaller(dsn: string | undefined, options: ConnectOptions): Given {
  const values = fromCaller(dsn, options);
  for (const [keyword, value] of values) checkValue(parameter(keyword)!, value);
  return values;
}

function fromCaller(dsn: string | undefined, options: ConnectOptions): Map<string, GivenValue> {
  const values = new Map<string, GivenValue>();
  for (const [keyword, text, name] of optionTexts(options)) {
    values.set(keyword, { text, name, source: "option" });
  }
  if (dsn !== undefined) addDsn(values, dsn, options.allowedDsnKeys);
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
  dsn: string,
  allowed: readonly string[] | undefined,
): void {
  for (const [keyword, text] of parseDsn(dsn)) {
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

/** Adds the parameters of the service, if one is named. Source: `parseServiceInfo` of `fe-connect.c`. */
async function addService(values: Map<string, GivenValue>, runtime: Runtime): Promise<void> {
  const service = values.get("service")?.text ?? runtime.env("PGSERVICE") ?? "";
  if (service === "") return;
  const named = given(values, "servicefile")?.text ?? runtime.env("PGSERVICEFILE") ?? "";
  const home = runtime.homeDirectory();
  const files: string[] = [];
  if (named !== "") files.push(named);
  else if (home !== undefined) files.push(`${home}/.pg_service.conf`);
  const system = runtime.env("PGSYSCONFDIR");
  if (system !== undefined && system !== "") files.push(`${system}/pg_service.conf`);
  for (const file of files) {
    const text = await runtime.readTextFile(file);
    if (text === undefined && file === named) {
      const hint = permissionHint(runtime, { kind: "file", name: file });
      throw new InterfaceError(`service file "${file}" does not exist or cannot be read${hint}`);
    }
    const section = text === undefined ? undefined : parseServiceFile(text, service, file);
    if (section === undefined) continue;
    const name = (keyword: string): string => `"${keyword}" of service "${service}"`;
    for (const [keyword, value] of section) {
      if (values.has(keyword)) continue;
      values.set(keyword, { text: value, name: name(keyword), source: "service" });
    }
    return;
  }
  const unread = files.map((name) => ({ kind: "file", name }) as const);
  const hint = permissionHint(runtime, { kind: "home" }, ...unread);
  throw new InterfaceError(`definition of service "${service}" not found${hint}`);
}

/**
 * Returns the parameters of one service in the text of a service file, or `undefined` if the file does
 * not define the service. Of a repeated parameter the first counts. There is no quoting: a value is the
 * rest of its line.
 *
 * Source: `parseServiceFile` of `fe-connect.c`.
 *
 * @throws {InterfaceError} a line of the service is wrong; the message names the file and the line.
 * @throws {NotSupportedError} the service asks for an LDAP lookup.
 */
export function parseServiceFile(
  text: string,
  service: string,
  file: string,
): Map<string, string> | undefined {
  let section: Map<string, string> | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = trimBoth(raw, " \t\v\f\r");
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("[")) {
      if (section !== undefined) return section;
      if (line.startsWith(`[${service}]`)) section = new Map();
    } else if (section !== undefined) {
      addServiceLine(section, line, `line ${index + 1} of service file "${file}"`);
    }
  }
  return section;
}

function addServiceLine(section: Map<string, string>, line: string, where: string): void {
  const equals = line.indexOf("=");
  if (line.startsWith("ldap")) {
    throw new NotSupportedError(`${where} asks for an LDAP lookup, which the driver cannot do`);
  }
  if (equals < 0) throw new InterfaceError(`${where} lacks "="`);
  const keyword = line.slice(0, equals);
  if (keyword === "service" || keyword === "servicefile") {
    throw new InterfaceError(`${where} names another service, which is not allowed`);
  }
  if (parameter(keyword) === undefined) {
    const near = suggestion(keyword, PARAMETERS.map((row) => row.keyword));
    throw new InterfaceError(`${where} has an unknown key "${keyword}"${near}`);
  }
  if (!section.has(keyword)) section.set(keyword, line.slice(equals + 1));
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
