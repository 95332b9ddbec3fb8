/** The connection service file. Source: manual, "The Connection Service File". */
import { InterfaceError, NotSupportedError } from "../errors/errors.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { given, type GivenValue } from "./given.ts";
import { parameter, PARAMETERS } from "./parameters.ts";
import { permissionHint } from "./permissions.ts";
import { suggestion } from "./spelling.ts";
import { trimBoth } from "./trim.ts";

/**
 * Adds the parameters of a service, from the first file that defines it. Source: `parseServiceInfo` of
 * `fe-connect.c`.
 *
 * @throws {InterfaceError} a file is malformed, or no file defines the service.
 */
export async function addServiceFrom(
  values: Map<string, GivenValue>,
  service: string,
  runtime: Runtime,
): Promise<void> {
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
