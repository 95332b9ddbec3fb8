/** The output plugin test_decoding, an example of PostgreSQL's that writes text. */
import type { Reader } from "../bytes/reader.ts";
import { NotSupportedError, ProtocolError } from "../errors/errors.ts";
import {
  DeletedRow,
  EmittedMessage,
  InsertedRow,
  TruncatedTables,
  UpdatedRow,
} from "./change_objects.ts";
import { Lsn } from "./lsn.ts";
import type {
  DecoderContext,
  LogicalDecoder,
  LogicalMessage,
  LogicalOptions,
  LogicalPlugin,
} from "./plugin.ts";
import { parseChange, type TextChange } from "./test_decoding_text.ts";
import { TextTables } from "./text_tables.ts";
import { TransactionHead } from "./transaction_info.ts";

/**
 * Returns the output plugin test_decoding, which needs no publication and sends the changes of all
 * tables. Events of relations do not come, and the key of an update is known only if it changes. A transaction has no position before its end, so the `id` of
 * a change is known only when its commit has come; the position behind the commit stands for it.
 *
 * @param options further options of the plugin.
 *
 * @example
 * ```ts
 * import { testDecoding } from "@cornac/pg/replication";
 *
 * testDecoding({ "only-local": "on" }).name; // → "test_decoding"
 * ```
 */
export function testDecoding(options: Readonly<Record<string, string>> = {}): LogicalPlugin {
  return {
    name: "test_decoding",
    startOptions: (_version, asked) => ({ ...startOptions(asked), ...options }),
    decoder: (context) => new TestDecodingDecoder(context),
  };
}

function startOptions(
  { streaming, twoPhase, origin, messages }: LogicalOptions,
): Record<string, string> {
  if (streaming !== undefined && streaming !== false) {
    throw new NotSupportedError("test_decoding does not send the rows of transactions in progress");
  }
  if (twoPhase === true) {
    throw new NotSupportedError("twoPhase: test_decoding takes it from the slot; use pgoutput()");
  }
  return {
    "include-xids": "on",
    "include-timestamp": "on",
    // A message alone in a transaction would come without BEGIN and COMMIT.
    "skip-empty-xacts": messages === true ? "off" : "on",
    ...(origin === "none" && { "only-local": "on" }),
  };
}

const MESSAGE = /^message: transactional: (\d) prefix: (.*), sz: (\d+) content:/s;

/** Decodes the messages of one stream. */
class TestDecodingDecoder implements LogicalDecoder {
  readonly #context: DecoderContext;
  readonly #tables: TextTables;
  #transaction: TransactionHead | undefined;
  #changes = 0;

  constructor(context: DecoderContext) {
    this.#context = context;
    this.#tables = new TextTables(context);
  }

  reset(): void {
    this.#transaction = undefined;
  }

  decode(reader: Reader, start: bigint): LogicalMessage | undefined | Promise<LogicalMessage> {
    const from = reader.position;
    const text = reader.text(reader.remaining);
    if (text.startsWith("table ")) return this.#change(parseChange(text));
    if (text.startsWith("BEGIN")) return this.#begin(text);
    if (text.startsWith("COMMIT ") && !text.startsWith("COMMIT PREPARED")) {
      return this.#commit(text, start);
    }
    const emitted = MESSAGE.exec(text);
    if (emitted !== null) return this.#emitted(emitted, reader, from, start);
    throw new ProtocolError("malformed message: the slot's plugin is not test_decoding");
  }

  #begin(text: string): LogicalMessage {
    const transaction = new TransactionHead(Number(/^BEGIN (\d+)/.exec(text)?.[1] ?? 0));
    this.#transaction = transaction;
    this.#changes = 0;
    return { kind: "begin", transaction, commitLsn: Lsn.zero };
  }

  #commit(text: string, start: bigint): LogicalMessage {
    const transaction = this.#open();
    this.#transaction = undefined;
    const time = /\(at (\S+) (\S+?)([+-]\d\d)(:?\d\d)?\)$/.exec(text);
    const at = time === null
      ? new Date(NaN)
      : new Date(`${time[1]}T${time[2]}${time[3]}${time[4] ?? ":00"}`);
    const lsn = transaction.commitLsn = new Lsn(start);
    transaction.at = at;
    return { kind: "commit", transaction, commitLsn: lsn, endLsn: lsn, at };
  }

  #change(change: TextChange): LogicalMessage | undefined | Promise<LogicalMessage> {
    const transaction = this.#open();
    if (change.action === "TRUNCATE") return this.#truncate(change, transaction);
    const [schema, name] = change.tables[0]!;
    const isPart = change.action === "DELETE";
    const columns = isPart ? change.old! : change.new;
    if (columns === undefined || columns.length === 0) return undefined; // (no-tuple-data)
    const keys = change.old === undefined ? undefined : new Set(change.old.map((c) => c.name));
    const table = this.#tables.describe(schema, name, columns, isPart);
    const build = (table: Awaited<ReturnType<TextTables["describe"]>>): LogicalMessage => {
      const { relation } = table;
      const index = this.#changes++;
      const { xid } = transaction;
      const old = change.old && this.#tables.row(table, change.old).row;
      if (change.action === "DELETE") {
        return new DeletedRow(relation, undefined, old!, transaction, index, xid);
      }
      const { row, unsent } = this.#tables.row(table, change.new);
      if (change.action === "INSERT") {
        return new InsertedRow(relation, row, transaction, index, xid);
      }
      const key = keys === undefined ? {} : old!;
      return new UpdatedRow(relation, row, undefined, key, unsent, transaction, index, xid);
    };
    return table instanceof Promise ? table.then(build) : build(table);
  }

  #truncate({ tables, flags }: TextChange, transaction: TransactionHead): LogicalMessage {
    const relations = tables.map(([schema, name]) => {
      const table = `${schema}.${name}`;
      const known = this.#tables.known(table);
      return known?.relation ??
        { oid: 0, schema, name, table, identity: "unknown", columns: [] } as const;
    });
    const how = {
      cascade: flags.includes("cascade"),
      restartIdentity: flags.includes("restart_seqs"),
    };
    return new TruncatedTables(relations, how, transaction, this.#changes++, transaction.xid);
  }

  #emitted(
    [head, transactional, prefix, size]: RegExpExecArray,
    reader: Reader,
    from: number,
    start: bigint,
  ): LogicalMessage | undefined {
    if (this.#context.options.messages !== true) return undefined;
    // The content is bytes, which need not be UTF-8.
    const content = reader.buffer.slice(from + new TextEncoder().encode(head).length, reader.end);
    if (content.length !== Number(size)) {
      throw new ProtocolError(`malformed message: ${content.length} bytes of content, not ${size}`);
    }
    const transaction = transactional === "1" ? this.#open() : undefined;
    const index = transaction === undefined ? 0 : this.#changes++;
    const { xid = 0 } = transaction ?? {};
    return new EmittedMessage(prefix!, content, new Lsn(start), transaction, index, xid);
  }

  #open(): TransactionHead {
    if (this.#transaction === undefined) {
      throw new ProtocolError(
        "test_decoding messages out of order: a change outside of a transaction",
      );
    }
    return this.#transaction;
  }
}
