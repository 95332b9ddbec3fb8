/**
 * Reads what a client sends, for the scripted server: `takeMessage` cuts one message off the front
 * of a buffer and decodes it. Independent of the driver's own protocol code on purpose.
 */

/** A message of a client, decoded as far as its tag allows. Fields of other messages are absent. */
export interface ClientMessage {
  /** The tag letter, or `startup`, `ssl`, `gss`, `cancel` for the untyped first messages. */
  readonly tag: string;
  /** Everything after the length. */
  readonly body: Uint8Array;
  /** Startup: `[major, minor]`. */
  readonly protocol?: readonly [number, number];
  /** Startup: user, database, options … as sent. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** CancelRequest. */
  readonly processId?: number;
  readonly key?: Uint8Array;
  /** Query, Parse: the SQL. CopyFail: the reason. */
  readonly text?: string;
  /** Parse, Bind: the statement's name. */
  readonly statement?: string;
  /** Bind, Execute: the portal's name. */
  readonly portal?: string;
  /** Parse: the type oids given. */
  readonly parameterTypes?: readonly number[];
  /** Bind. */
  readonly parameterFormats?: readonly number[];
  readonly values?: readonly (Uint8Array | null)[];
  readonly resultFormats?: readonly number[];
  /** Describe, Close: `S` statement or `P` portal, and its name. */
  readonly kind?: string;
  readonly name?: string;
  /** Execute: 0 is "all". */
  readonly maxRows?: number;
}

/** A decoded message and the bytes it took. */
export interface Taken {
  readonly message: ClientMessage;
  readonly size: number;
}

/**
 * The first message in `bytes`, or `undefined` while it is incomplete. `first`: a startup packet,
 * which has no tag. Throws when the bytes are no message a PostgreSQL server would accept.
 */
export function takeMessage(bytes: Uint8Array, first: boolean): Taken | undefined {
  const head = first ? 0 : 1;
  if (bytes.length < head + 4) return undefined;
  const length = view(bytes).getUint32(head);
  if (length < 4 || length > 1 << 30) throw new Error(`client sent a message of length ${length}`);
  const size = head + length;
  if (bytes.length < size) return undefined;
  const body = bytes.slice(head + 4, size);
  return { size, message: first ? untyped(body) : typed(String.fromCharCode(bytes[0]!), body) };
}

/** One line about a message, for transcripts. Passwords (tag `p`) are shown by length only. */
export function describeMessage(message: ClientMessage): string {
  const { tag, body, text, statement, portal, kind, name, parameters } = message;
  const shown = tag === "p"
    ? `${body.length} bytes`
    : JSON.stringify({ text, statement, portal, kind, name, parameters });
  return `${NAMES[tag] ?? "unknown"} (${tag}) ${shown === "{}" ? "" : shown}`.trimEnd();
}

const NAMES: Readonly<Record<string, string>> = {
  startup: "StartupMessage",
  ssl: "SSLRequest",
  gss: "GSSENCRequest",
  cancel: "CancelRequest",
  Q: "Query",
  P: "Parse",
  B: "Bind",
  D: "Describe",
  E: "Execute",
  C: "Close",
  S: "Sync",
  H: "Flush",
  X: "Terminate",
  F: "FunctionCall",
  p: "Password/SASL",
  d: "CopyData",
  c: "CopyDone",
  f: "CopyFail",
};

function untyped(body: Uint8Array): ClientMessage {
  const cursor = new Cursor(body);
  const code = cursor.int32();
  if (code === 80877103) return { tag: "ssl", body };
  if (code === 80877104) return { tag: "gss", body };
  if (code === 80877102) {
    return { tag: "cancel", body, processId: cursor.int32(), key: cursor.rest() };
  }
  const parameters: Record<string, string> = {};
  for (let name = cursor.cstring(); name !== ""; name = cursor.cstring()) {
    parameters[name] = cursor.cstring();
  }
  cursor.finish("StartupMessage");
  return { tag: "startup", body, protocol: [code >> 16, code & 0xffff], parameters };
}

function typed(tag: string, body: Uint8Array): ClientMessage {
  const cursor = new Cursor(body);
  const fields = decode(tag, cursor);
  if (fields === undefined) return { tag, body };
  cursor.finish(NAMES[tag] ?? tag);
  return { tag, body, ...fields };
}

function decode(tag: string, c: Cursor): Partial<ClientMessage> | undefined {
  switch (tag) {
    case "Q":
    case "f":
      return { text: c.cstring() };
    case "P":
      return {
        statement: c.cstring(),
        text: c.cstring(),
        parameterTypes: c.list(() => c.int32() >>> 0),
      };
    case "B":
      return {
        portal: c.cstring(),
        statement: c.cstring(),
        parameterFormats: c.list(() => c.int16()),
        values: c.list(() => c.value()),
        resultFormats: c.list(() => c.int16()),
      };
    case "D":
    case "C":
      return { kind: c.char(), name: c.cstring() };
    case "E":
      return { portal: c.cstring(), maxRows: c.int32() };
    case "S":
    case "H":
    case "X":
    case "c":
      return {};
    case "p":
    case "d":
    case "F":
      return undefined;
    default:
      throw new Error(`client sent a message with the unknown tag ${JSON.stringify(tag)}`);
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = view(bytes);
  }
  int16(): number {
    return this.#view.getInt16((this.#at += 2) - 2);
  }
  int32(): number {
    return this.#view.getInt32((this.#at += 4) - 4);
  }
  char(): string {
    return String.fromCharCode(this.#view.getUint8(this.#at++));
  }
  cstring(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new Error("client sent a string without its NUL byte");
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }
  value(): Uint8Array | null {
    const length = this.int32();
    if (length < 0) return null;
    if (this.#at + length > this.#bytes.length) throw new Error("client sent a value cut short");
    return this.#bytes.slice(this.#at, this.#at += length);
  }
  list<T>(item: () => T): T[] {
    return Array.from({ length: this.int16() & 0xffff }, item);
  }
  rest(): Uint8Array {
    return this.#bytes.slice(this.#at, this.#at = this.#bytes.length);
  }
  finish(name: string): void {
    const left = this.#bytes.length - this.#at;
    if (left !== 0) throw new Error(`client sent ${left} bytes too many in ${name}`);
  }
}
