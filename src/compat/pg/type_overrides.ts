import type { Parsers } from "../../query/parsers.ts";
import { type CustomTypes, type TypeFormat, type TypeParser, types } from "./types.ts";

/** Parsers of one client or query on top of others, which are the global table by default. */
export class TypeOverrides implements CustomTypes {
  /** @internal The parsers below. */
  _types: CustomTypes;
  /** The parsers of text that are set here, by OID. */
  text: Record<number, TypeParser> = {};
  /** The parsers of the binary format that are set here, by OID. */
  binary: Record<number, TypeParser> = {};
  #parsers: Parsers | undefined;

  /** Creates a table on top of `base`. */
  constructor(base?: CustomTypes) {
    this._types = base || types;
  }

  /** @internal Returns the parsers as the core takes them, which `make` makes once. */
  _columnParsers(make: (types: CustomTypes) => Parsers): Parsers {
    return this.#parsers ??= make(this);
  }

  /** Returns the parsers that are set for a format. */
  getOverrides(format: TypeFormat): Record<number, TypeParser> {
    if (format === "text") return this.text;
    return format === "binary" ? this.binary : {};
  }

  /** Sets the parser of a type. */
  setTypeParser(oid: number, parser: TypeParser): void;
  /** Sets the parser of a type in a format. */
  setTypeParser(oid: number, format: TypeFormat, parser: TypeParser): void;
  setTypeParser(oid: number, format: TypeFormat | TypeParser, parser?: TypeParser): void {
    if (typeof format === "function") this.text[oid] = format;
    else this.getOverrides(format)[oid] = parser!;
  }

  /** Returns the parser that is set for a type, or that of the parsers below. */
  getTypeParser(oid: number, format: TypeFormat = "text"): TypeParser {
    return this.getOverrides(format || "text")[oid] ||
      this._types.getTypeParser(oid, format || "text");
  }
}
