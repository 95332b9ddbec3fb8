/**
 * Enough of a server for model.ts: it parses the model's texts by their looks, echoes parameters, and
 * reports the errors that PostgreSQL would, statement names and skipping to Sync included. Between
 * messages it now and then sends something unrequested.
 */
import type { ClientMessage, Peer, Step } from "../_kit/scripted_server.ts";
import { serve } from "../_kit/scripted_server.ts";
import {
  bindComplete,
  closeComplete,
  type Column,
  commandComplete,
  concat,
  dataRow,
  errorResponse,
  int32,
  noticeResponse,
  notificationResponse,
  parameterDescription,
  parameterStatus,
  parseComplete,
  readyForQuery,
  rowDescription,
} from "../_kit/server_messages.ts";

const TEXT = 25, INT4 = 23, TEXT_ARRAY = 1009, INT4_ARRAY = 1007;

/** How one of the model's texts is described and answered. */
interface Plan {
  readonly parameters: readonly number[];
  readonly columns: readonly Column[];
  /** One row per number, or the code of an error. */
  readonly rows: (values: readonly Value[]) => readonly (readonly Value[])[] | string;
}

type Value = string | number | Uint8Array | null;

/** A step that answers everything until the client leaves. */
export function echo(): Step {
  const statements = new Map<string, string>();
  let bound: { plan: Plan; message: ClientMessage } | undefined;
  let failed = false;
  let said = 0;

  async function answer(message: ClientMessage, peer: Peer): Promise<void> {
    if (failed && message.tag !== "S") return;
    const replies = reply(message);
    for (const bytes of replies) await peer.send(...aside(said++), bytes);
  }

  function reply(message: ClientMessage): Uint8Array[] {
    const { tag, statement = "", text = "", name = "" } = message;
    switch (tag) {
      case "P":
        if (/no_such_table/.test(text)) return fail("42P01");
        if (statement !== "" && statements.has(statement)) return fail("42P05");
        statements.set(statement, text);
        return [parseComplete()];
      case "D": {
        const { parameters, columns } = planOf(statements.get(name)!);
        return [parameterDescription(parameters), rowDescription(columns)];
      }
      case "B": {
        if (!statements.has(statement)) return fail("26000", `no statement "${statement}"`);
        const plan = planOf(statements.get(statement)!);
        if (message.values!.length !== plan.parameters.length) return fail("08P01");
        bound = { plan, message };
        return [bindComplete()];
      }
      case "E": {
        const rows = execute(bound!.plan, bound!.message);
        return typeof rows === "string" ? fail(rows) : rows;
      }
      case "C":
        statements.delete(name);
        return [closeComplete()];
      case "S":
        failed = false;
        return [readyForQuery()];
      case "Q":
        return [...simple(text), readyForQuery()];
      default:
        return [];
    }
  }

  function fail(code: string, text = "as the model expects"): Uint8Array[] {
    failed = true;
    return [errorResponse({ C: code, M: text })];
  }
  return serve(answer);
}

/** DataRows and CommandComplete, or the code of an error. */
function execute(plan: Plan, message: ClientMessage): Uint8Array[] | string {
  const rows = plan.rows(plan.parameters.map((oid, i) => valueOf(oid, message, i)));
  if (typeof rows === "string") return rows;
  const formats = message.resultFormats!;
  const encoded = rows.map((row) => dataRow(row.map((v, i) => bytesOf(v, formats[i] ?? 0))));
  return [...encoded, commandComplete(`SELECT ${rows.length}`)];
}

function simple(text: string): Uint8Array[] {
  const [, nonce] = /'([^']*)'/.exec(text)!;
  const first = [rowDescription(["nonce"]), dataRow([nonce!]), commandComplete("SELECT 1")];
  if (/no_such_column/.test(text)) return [errorResponse({ C: "42703" })];
  const columns = [{ name: "n", typeOid: INT4 }, "again"];
  return [...first, rowDescription(columns), dataRow(["1", nonce!]), commandComplete("SELECT 1")];
}

const column = (name: string, typeOid: number): Column => ({ name, typeOid });

function planOf(text: string): Plan {
  const nonce = column("nonce", TEXT);
  const variant = /'(\d+)'::text as variant/.exec(text)?.[1];
  if (variant !== undefined) {
    const columns = [nonce, column("variant", TEXT)];
    return { parameters: [TEXT], columns, rows: ([given]) => [[given!, variant]] };
  }
  if (/generate_series/.test(text)) {
    const rows: Plan["rows"] = ([given, n]) =>
      Array.from({ length: n as number }, (_, i) => [given!, i + 1]);
    return { parameters: [TEXT, INT4], columns: [nonce, column("i", INT4)], rows };
  }
  if (/1 \/ \$1/.test(text)) {
    return { parameters: [INT4, TEXT], columns: [column("x", INT4)], rows: () => "22012" };
  }
  if (/int4\[\]/.test(text)) {
    const parameters = [TEXT_ARRAY, INT4_ARRAY];
    const columns = [column("a", TEXT_ARRAY), column("b", INT4_ARRAY)];
    return { parameters, columns, rows: (values) => [values] };
  }
  const name = /as text$/.test(text) ? "text" : "nonce";
  const both = /as n$/.test(text);
  return {
    parameters: both ? [TEXT, INT4] : [TEXT],
    columns: both ? [nonce, column("n", INT4)] : [column(name, TEXT)],
    rows: (values) => [values],
  };
}

function valueOf(oid: number, { values, parameterFormats }: ClientMessage, i: number): Value {
  const bytes = values![i]!;
  if (bytes === null || (oid !== INT4 && oid !== TEXT)) return bytes;
  const text = new TextDecoder().decode(bytes);
  if (oid === TEXT) return text;
  const format = parameterFormats!.length === 1 ? parameterFormats![0] : parameterFormats![i];
  return format === 1 ? new DataView(bytes.buffer, bytes.byteOffset).getInt32(0) : Number(text);
}

function bytesOf(value: Value, format: number): Uint8Array | string | null {
  if (typeof value !== "number") return value;
  return format === 1 ? int32(value) : String(value);
}

function aside(n: number): Uint8Array[] {
  if (n % 29 === 7) return [noticeResponse()];
  if (n % 31 === 9) return [concat(notificationResponse("c", "p"), parameterStatus("x", `${n}`))];
  return [];
}
