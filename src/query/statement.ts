/**
 * Prepared statements by their text: what the server told about each, and which to forget.
 */
import type { ColumnDescription } from "../protocol/backend.ts";
import type { ParameterType } from "./parameters.ts";
import {
  compileRows,
  interpretRows,
  type RowColumn,
  type RowDecoder,
  type RowShape,
} from "./rows.ts";

/** One statement on the server, from its Parse on. */
export class Statement {
  /** Its name there; `""` for the unnamed one. */
  readonly name: string;
  readonly text: string;
  /** The OIDs that the caller fixed; the server decides the rest. */
  readonly declared: readonly number[];
  /** `parsing`: sent, not confirmed. `ready`: confirmed and described. `failed`: refused. */
  state: "parsing" | "ready" | "failed" = "parsing";
  parameters: readonly ParameterType[] = [];
  columns: readonly ColumnDescription[] = [];
  /** How its results come once it is described: binary where the codec can. */
  binaryColumns: readonly RowColumn[] = [];
  resultFormats: readonly number[] = [];
  /** OIDs among the columns' types of which nobody knows anything. */
  unknown: readonly number[] = [];
  /** When it was last used, by the cache's count. */
  used = 0;
  #asObject: RowDecoder | undefined;
  #asArray: RowDecoder | undefined;

  constructor(name: string, text: string, declared: readonly number[]) {
    this.name = name;
    this.text = text;
    this.declared = declared;
  }

  /** Fills in the columns, or fills them in anew when more is known of their types. */
  describe(columns: readonly ColumnDescription[], described: readonly RowColumn[]): void {
    this.columns = columns;
    this.binaryColumns = described;
    const formats = described.map(({ format }) => format);
    this.resultFormats = formats.every((format) => format === 0) ? [] : formats;
    const unknown = described.filter(({ codec }) => codec === undefined);
    this.unknown = [...new Set(unknown.map(({ typeOid }) => typeOid))];
    this.#asObject = this.#asArray = undefined;
  }

  /** The compiled decoder for results in `resultFormats`. */
  decoder(shape: RowShape): RowDecoder {
    if (shape === "object") return this.#asObject ??= compileRows(this.binaryColumns, shape);
    return this.#asArray ??= compileRows(this.binaryColumns, shape);
  }

  /** A decoder for results that came as text: used once, so not compiled. */
  textDecoder(shape: RowShape): RowDecoder {
    return interpretRows(this.binaryColumns.map((column) => ({ ...column, format: 0 })), shape);
  }
}

/**
 * The statements of one connection, least recently used out first.
 *
 * Names carry a random prefix: behind a pooler that mixes up sessions, two connections must never
 * mean different statements by one name.
 */
export class StatementCache {
  readonly #size: number;
  readonly #prefix: string;
  readonly #byKey = new Map<string, Statement>();
  #clock = 0;
  #count = 0;

  constructor(size: number, random: Uint8Array) {
    this.#size = size;
    const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.#prefix = `cornac_${hex}_`;
  }

  /** The statement for this text, if there is one that is not known to have failed. */
  find(text: string, declared: readonly number[]): Statement | undefined {
    const statement = this.#byKey.get(keyOf(text, declared));
    if (statement !== undefined) statement.used = ++this.#clock;
    return statement;
  }

  /**
   * Adds a statement under a fresh name, and returns with it the one to close in its place.
   * `undefined`: there is no room, because all are still on their way to the server.
   */
  add(
    text: string,
    declared: readonly number[],
  ): { added: Statement; evicted: Statement | undefined } | undefined {
    const full = this.#byKey.size >= this.#size;
    const evicted = full ? this.#evict() : undefined;
    if (full && evicted === undefined) return undefined;
    const added = new Statement(`${this.#prefix}${++this.#count}`, text, declared);
    added.used = ++this.#clock;
    this.#byKey.set(keyOf(text, declared), added);
    return { added, evicted };
  }

  /**
   * Has every statement described anew, because codecs have changed; queries on their way keep the
   * description that they were sent with.
   */
  renew(describe: (fresh: Statement) => void): void {
    for (const [key, old] of this.#byKey) {
      if (old.state !== "ready") continue;
      const fresh = new Statement(old.name, old.text, old.declared);
      Object.assign(fresh, { state: old.state, used: old.used });
      Object.assign(fresh, { parameters: old.parameters, columns: old.columns });
      describe(fresh);
      this.#byKey.set(key, fresh);
    }
  }

  /** Forgets a statement that the server does not have. */
  forget(statement: Statement): void {
    statement.state = "failed";
    const key = keyOf(statement.text, statement.declared);
    if (this.#byKey.get(key) === statement) this.#byKey.delete(key);
  }

  /** The longest unused one that is certainly on the server, out of the books. */
  #evict(): Statement | undefined {
    let oldest: Statement | undefined;
    for (const statement of this.#byKey.values()) {
      if (statement.state !== "ready") continue;
      if (oldest === undefined || statement.used < oldest.used) oldest = statement;
    }
    if (oldest !== undefined) this.#byKey.delete(keyOf(oldest.text, oldest.declared));
    return oldest;
  }
}

function keyOf(text: string, declared: readonly number[]): string {
  return declared.length === 0 ? text : `${declared.join(",")}\0${text}`;
}
