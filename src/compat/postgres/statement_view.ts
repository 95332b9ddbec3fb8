import type { ColumnDescription } from "../../protocol/backend.ts";
import type { NameTransform } from "./casing.ts";
import type { Parser } from "./value_types.ts";

/** A statement as it was prepared. */
export interface Parsed {
  /** The text that was sent. */
  readonly string: string;
  /** OIDs of the parameters' types. */
  readonly types: readonly number[];
  /** The name on the server; `""` for none. */
  readonly name: string;
  /** The columns; absent for a statement of the simple protocol without rows. */
  readonly columns: readonly {
    /** The name, after `transform.column.from`. */
    readonly name: string;
    /** The parser of its values; `undefined` where they are the server's text. */
    readonly parser: Parser | undefined;
    /** The OID of the table; 0 if the column is not one of a table. */
    readonly table: number;
    /** The number of the column in the table; 0 if it is not one of a table. */
    readonly number: number;
    /** The OID of the type. */
    readonly type: number;
  }[];
}

/** The description of a statement. */
export interface Described {
  readonly text: string;
  readonly name: string;
  readonly columns: readonly ColumnDescription[];
  /** The types of its parameters, which are read when they are asked for. */
  readonly description?: { readonly parameterTypes: readonly number[] };
}

/** The options that decide how a description is shown. */
export interface ViewOptions {
  readonly parsers: Readonly<Record<string, Parser>>;
  readonly transform: { readonly column: { readonly from: NameTransform | undefined } };
}

/** The description of a statement as results show it. It is made when it is first asked for. */
export class StatementView {
  readonly #described: Described;
  readonly #options: ViewOptions;
  #facts: Parsed | undefined;

  constructor(described: Described, options: ViewOptions) {
    this.#described = described;
    this.#options = options;
  }

  /** The statement. */
  get facts(): Parsed {
    return this.#facts ??= this.#make();
  }

  /** The columns, also if there are none. */
  get columns(): Parsed["columns"] {
    return this.facts.columns ?? [];
  }

  #make(): Parsed {
    const { text, name, description } = this.#described;
    const types = description?.parameterTypes ?? [];
    const columns = this.#columns();
    const isDescribed = columns.length > 0 || description !== undefined;
    return { string: text, types, name, ...isDescribed && { columns } } as Parsed;
  }

  #columns(): Parsed["columns"] {
    const { parsers, transform: { column: { from } } } = this.#options;
    return this.#described.columns.map(({ name, tableOid, attributeNumber, typeOid }) => ({
      name: from === undefined ? name : from(name),
      parser: parsers[typeOid],
      table: tableOid,
      number: attributeNumber,
      type: typeOid,
    }));
  }
}
