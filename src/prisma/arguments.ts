/** Prisma's arguments as the server's text, with types that the server chooses. */
import type { ArgType } from "@prisma/driver-adapter-utils";
import { InterfaceError } from "../errors/errors.ts";
import { quoted } from "../types/array_text.ts";
import type { Codec } from "../types/codec.ts";
import { OIDS } from "../types/oids.ts";
import { completeRegistry } from "../types/complete_registry.ts";

/** A parameter as it is sent: text, or the bytes of a bytea. */
export type Parameter = string | Uint8Array | null;

/** Writes arguments. */
export class PrismaArguments {
  readonly #codecs: Readonly<Record<"date" | "time" | "timestamp", Codec>>;

  constructor() {
    const registry = completeRegistry();
    const codec = (oid: number): Codec => registry.lookup(oid)!;
    this.#codecs = {
      date: codec(OIDS.date),
      time: codec(OIDS.time),
      timestamp: codec(OIDS.timestamptz),
    };
  }

  /** Returns an argument as a parameter. */
  parameter(value: unknown, type: ArgType | undefined): Parameter {
    if (value === null || value === undefined) return null;
    if (Array.isArray(value) && isList(type)) return this.#list(value, type);
    if (typeof value === "string") return this.#string(value, type);
    if (value instanceof Date) return this.#dateText(value, type);
    if (ArrayBuffer.isView(value)) {
      return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    }
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  }

  #string(value: string, type: ArgType | undefined): Parameter {
    if (type?.scalarType === "bytes") return bytesOf(value);
    if (type?.scalarType !== "datetime") return value;
    const date = new Date(value);
    // The server reports a text that is no date.
    return Number.isNaN(date.getTime()) ? value : this.#dateText(date, type);
  }

  /** Returns the text of a date in UTC. `timestamp` ignores the zone, and `timestamptz` needs it. */
  #dateText(date: Date, type: ArgType | undefined): string {
    const { date: day, time, timestamp } = this.#codecs;
    switch (type?.dbType?.toUpperCase()) {
      case "DATE":
        return day.encodeText(date);
      case "TIME":
        return time.encodeText(date);
      case "TIMETZ":
        return `${time.encodeText(date)}+00`;
    }
    return timestamp.encodeText(date);
  }

  #list(values: readonly unknown[], type: ArgType | undefined): string {
    const elementType = type?.scalarType === "json" ? { ...type, arity: "scalar" as const } : type;
    const elements = values.map((value) => {
      if (Array.isArray(value) && isList(elementType)) return this.#list(value, type);
      const element = this.parameter(value, elementType);
      return quoted(element instanceof Uint8Array ? hexOf(element) : element, ",");
    });
    return `{${elements.join(",")}}`;
  }
}

/** Reports whether an array of this type is a list. Otherwise it is a document of json. */
function isList(type: ArgType | undefined): boolean {
  return type?.arity === "list" || type?.scalarType !== "json";
}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new InterfaceError("an argument of the type bytes is not base64", { cause });
  }
}

function hexOf(bytes: Uint8Array): string {
  return "\\x" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
