/**
 * One prepared statement: its description, and the errors that show that it is stale.
 */
import { DatabaseError } from "../errors/errors.ts";
import type { ColumnDescription } from "../protocol/backend.ts";
import { bindHead } from "../protocol/frontend.ts";
import type { TypeRegistry } from "../types/registry.ts";
import type { ParameterType } from "./parameters.ts";
import type { ParsedColumns } from "./parsers.ts";
import {
  interpretRows,
  type RowColumn,
  type RowDecoder,
  type RowShape,
  warmingRows,
} from "./rows.ts";

/** The codecs of queries with an option `types`, and a number that identifies them. */
export interface OwnTypes {
  readonly registry: TypeRegistry;
  readonly id: number;
}

/** One statement on the server, from its Parse on. */
export class Statement {
  /** The name on the server; `""` for the unnamed statement. */
  readonly name: string;
  readonly text: string;
  /** The parameter types that the caller has fixed, as OIDs. The server decides about the others. */
  readonly declared: readonly number[];
  /** The codecs of its values; `undefined`: the connection's. */
  readonly types: OwnTypes | undefined;
  /** `parsing`: sent, not confirmed. `ready`: confirmed and described. `failed`: refused or dropped. */
  state: "parsing" | "ready" | "failed" = "parsing";
  /**
   * The requests that may be bound to the statement before its Parse is confirmed: all (`true`), because
   * nothing that was sent before can make the server skip the Parse; or the batch that has the Parse.
   */
  sharedWith: object | boolean = false;
  parameters: readonly ParameterType[] = [];
  columns: readonly ColumnDescription[] = [];
  /** The columns of results once it is described: binary where the codec reads it. */
  binaryColumns: readonly RowColumn[] = [];
  resultFormats: readonly number[] = [];
  /** OIDs of the columns' types that are not known. */
  unknown: readonly number[] = [];
  /** The columns as the parsers of the last run read them. */
  parsed: ParsedColumns | undefined;
  /** The number of its last use, in the cache's count. */
  used = 0;
  /** How many losses of statements in a row came before this one was made. */
  losses = 0;
  /** The queries that were bound to it before its Parse was confirmed, less those that have failed. */
  sharers = 0;
  /** The error that its Parse or Describe was answered with. */
  refusal: unknown;
  /** The shelf of the settings that it was parsed under. */
  shelf: Map<string, Statement> | undefined;
  /** When it was parsed, in milliseconds. */
  parsedAt = 0;
  #bindHead: Uint8Array | undefined;
  #asObject: (() => RowDecoder) | undefined;
  #asArray: (() => RowDecoder) | undefined;

  constructor(name: string, text: string, declared: readonly number[], types?: OwnTypes) {
    this.name = name;
    this.text = text;
    this.declared = declared;
    this.types = types;
  }

  /** The first bytes of each Bind of the statement to the unnamed portal. */
  get bindHead(): Uint8Array {
    return this.#bindHead ??= bindHead("", this.name);
  }

  /** Whether the type of a parameter is not known. */
  get hasUnknownParameters(): boolean {
    const { parameters } = this;
    for (let i = 0; i < parameters.length; i++) {
      if (parameters[i]!.codec === undefined) return true;
    }
    return false;
  }

  /** Fills in the columns; again, when more is known of their types. */
  describe(columns: readonly ColumnDescription[], described: readonly RowColumn[]): void {
    this.columns = columns;
    this.binaryColumns = described;
    const formats = described.map(({ format }) => format);
    this.resultFormats = formats.every((format) => format === 0) ? [] : formats;
    const unknown = described.filter(({ codec }) => codec === undefined);
    this.unknown = [...new Set(unknown.map(({ typeOid }) => typeOid))];
    this.#asObject = this.#asArray = undefined;
  }

  /** Returns the decoder of results in `resultFormats`. */
  decoder(shape: RowShape): RowDecoder {
    if (shape === "object") return (this.#asObject ??= warmingRows(this.binaryColumns, shape))();
    return (this.#asArray ??= warmingRows(this.binaryColumns, shape))();
  }

  /** Returns a decoder of results that came as text. It is used once, and so not compiled. */
  textDecoder(shape: RowShape): RowDecoder {
    return interpretRows(this.binaryColumns.map((column) => ({ ...column, format: 0 })), shape);
  }
}

/**
 * Reports whether an error says that a statement is not what it was taken for: the server does not know
 * it by its name, knows another by that name, cannot run it as described, or has dropped a type in it.
 * `isKept`: it was parsed by an earlier request.
 * Source: prepare.c; plancache.c, `RevalidateCachedQuery`; lsyscache.c and typcache.c; enum.c.
 */
export function isStale(
  error: unknown,
  { name }: Statement,
  isKept: boolean,
): error is DatabaseError {
  if (!(error instanceof DatabaseError)) return false;
  switch (error.code) {
    case "0A000":
      return error.routine === "RevalidateCachedQuery";
    case "26000":
    case "42P05":
      return name !== "" && error.message.includes(name);
    case "XX000":
      return isKept && error.message.startsWith("cache lookup failed for ");
    case "42704":
      return isKept && error.routine === "lookup_type_cache";
    case "22P03":
      return isKept && (error.routine === "enum_out" || error.routine === "enum_send");
    default:
      return false;
  }
}

/**
 * Reports whether an error can come from a parameter that keeps the type of its statement's Parse while
 * the table has another by now: a value that the old type refuses (class 22), an assignment or an
 * operator that does not exist between the two (class 42).
 */
export function mayBeOutdated(error: unknown): boolean {
  if (!(error instanceof DatabaseError) || error.code === undefined) return false;
  const { code } = error;
  return (code.startsWith("22") || code.startsWith("42")) && code !== DIVISION_BY_ZERO;
}

const DIVISION_BY_ZERO = "22012";
