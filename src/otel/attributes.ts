/** The attributes of spans and metrics, from the properties of trace messages. */
import type { Attributes } from "@opentelemetry/api";
import type { TraceMessage } from "../trace.ts";
import type { OperationKind } from "./options.ts";

/** A message with the properties of all kinds of operations. */
export type AnyTrace = TraceMessage & Readonly<Record<string, unknown>>;

/** The properties without a name in the semantic conventions, by the names of their attributes. */
const OWN: Readonly<Record<string, string>> = {
  parameterCount: "cornac.parameter_count",
  isStream: "cornac.is_stream",
  attempt: "cornac.transaction.attempt",
  outcome: "cornac.transaction.outcome",
  direction: "cornac.copy.direction",
  bytes: "cornac.copy.bytes",
  rows: "cornac.copy.rows",
};

/** Not attributes of spans: the text has rules of its own, and a span has its duration. */
const LEFT_OUT = new Set(["db.query.text", "db.client.operation.duration"]);

/** Returns the attributes of a span; the text of the query is not among them. */
export function spanAttributes(message: AnyTrace): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(message)) {
    const key = OWN[name] ?? (name.includes(".") && !LEFT_OUT.has(name) ? name : undefined);
    if (key !== undefined && value !== undefined) attributes[key] = value as string;
  }
  return attributes;
}

/** The properties that metrics of operations are grouped by; each has few values. */
const GROUPING = [
  "db.system.name",
  "db.namespace",
  "server.address",
  "server.port",
  "db.operation.name",
  "db.response.status_code",
  "error.type",
] as const;

/** Returns the attributes of an operation's metrics. */
export function metricAttributes(kind: OperationKind, message: AnyTrace): Attributes {
  const attributes: Attributes = {};
  for (const name of GROUPING) {
    const value = message[name];
    if (value !== undefined) attributes[name] = value as string;
  }
  attributes["db.operation.name"] ??= nameOf(kind, message);
  return attributes;
}

/**
 * Returns the name of an operation: the command, as far as it is known. The first word of the text
 * is the name for an operation that failed or is a stream, if it is a word of letters.
 */
export function nameOf(kind: OperationKind, message: AnyTrace): string {
  const told = message["db.operation.name"];
  if (typeof told === "string") return told;
  const text = message["db.query.text"];
  const word = typeof text === "string" ? /^[\s(;]*([A-Za-z]{1,20})\b/.exec(text)?.[1] : undefined;
  return word?.toUpperCase() ?? kind.toUpperCase();
}

/** Returns the name of a span: `SELECT shop`, the operation and the database. */
export function spanName(kind: OperationKind, message: AnyTrace): string {
  const target = message["db.namespace"] ?? message["server.address"];
  const name = nameOf(kind, message);
  return target === undefined ? name : `${name} ${target}`;
}
