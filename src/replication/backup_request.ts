/**
 * The exchange of BASE_BACKUP: rows, copies and rows in the answer to one command.
 * Source: manual, "Streaming Replication Protocol"; basebackup_copy.c.
 */
import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { InterfaceError, ProtocolError } from "../errors/errors.ts";
import { readCommandTag, readRowDescription } from "../protocol/backend.ts";
import { readCopyResponse } from "../protocol/copy_messages.ts";
import { query } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import type {
  Conversation,
  CopySink,
  Message,
  Request,
  RequestOptions,
} from "../session/exchange.ts";
import type { Session } from "../session/session.ts";
import type { Lsn } from "./lsn.ts";
import { numberIn, positionIn, readTextRow } from "./text_rows.ts";

/** A position in the WAL of a timeline. */
export interface BackupPosition {
  /** The position. */
  readonly position: Lsn;
  /** The timeline. */
  readonly timeline: number;
}

/** A tablespace of a backup. */
export interface Tablespace {
  /** The OID of the tablespace; `undefined` for the data directory. */
  readonly oid: number | undefined;
  /** The directory of the tablespace; `undefined` for the data directory. */
  readonly path: string | undefined;
  /** The estimated size in bytes; `undefined` without the option `progress`. */
  readonly size: number | undefined;
}

/** The beginning of a file in the stream. */
export interface FileStart {
  readonly kind: "archive" | "manifest";
  readonly name: string;
  readonly tablespacePath: string | undefined;
  /** Whether the rest of the file is dropped. */
  isSkipped: boolean;
}

/** Bytes that are kept and not read; the server waits beyond. */
const WINDOW = 1 << 20;
/** The cost of a kept item besides its bytes. */
const OVERHEAD = 64;
/** The most tablespaces that a server may announce. */
const MOST_TABLESPACES = 100_000;

const NEW_ARCHIVE = 0x6e; // n
const DATA = 0x64; // d
const MANIFEST = 0x6d; // m
const PROGRESS = 0x70; // p

/** One base backup: keeps what has arrived until it is read, and lets the server wait meanwhile. */
export class BackupRequest implements Request<void>, CopySink {
  readonly isDuplex = false;
  /** Settles when the start has arrived, or the command has failed. */
  readonly begun: Promise<void>;
  start: BackupPosition | undefined;
  end: BackupPosition | undefined;
  readonly tablespaces: Tablespace[] = [];
  /** Bytes that the server has read. */
  progress = 0;
  readonly #session: Session;
  readonly #text: string;
  /** Whether the server is PostgreSQL 14, which sends each file as a copy of its own. */
  readonly #isOld: boolean;
  #isLeft = false;
  /** The file whose chunks are read. */
  #current: FileStart | undefined;
  readonly #ready: (Uint8Array<ArrayBuffer> | FileStart)[] = [];
  /** The index of the first item that was not read. */
  #next = 0;
  #bytes = 0;
  #outcome: { readonly error?: unknown } | undefined;
  #begin!: () => void;
  #refuse!: (error: unknown) => void;
  #release: (() => void) | undefined;
  readonly #wakes: (() => void)[] = [];

  constructor(session: Session, text: string, isOld: boolean) {
    this.#session = session;
    this.#text = text;
    this.#isOld = isOld;
    this.begun = new Promise((resolve, reject) => {
      this.#begin = resolve;
      this.#refuse = reject;
    });
  }

  /** Sends the command. Resolves when the connection is free again; never rejects. */
  async run(options: RequestOptions): Promise<void> {
    try {
      await this.#session.request(this, options);
      this.#outcome = {};
    } catch (error) {
      this.#outcome = { error };
      this.#refuse(error);
    }
    this.#wake();
  }

  /** Returns the next file, and drops the rest of the current one; `undefined` at the end. */
  async nextFile(): Promise<FileStart | undefined> {
    this.#current = undefined;
    for (;;) {
      const item = await this.#item();
      if (item === undefined) return undefined;
      this.#shift(item);
      if (!(item instanceof Uint8Array)) return this.#current = item;
    }
  }

  /** Returns the next chunk of a file; `undefined` at its end. */
  async nextChunk(file: FileStart): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const item = await this.#item();
    if (file !== this.#current) {
      throw new InterfaceError(`${file.name} was passed over: read the files of a backup in order`);
    }
    if (!(item instanceof Uint8Array)) return undefined;
    this.#shift(item);
    return item;
  }

  /** Drops all that comes, and cancels the backup unless it is complete. */
  leave(): void {
    if (this.#isLeft || this.#outcome !== undefined) return;
    this.stop();
    void this.#session.cancel(this);
  }

  /** Drops all that comes from now on. */
  stop(): void {
    this.#isLeft = true;
    this.#current = undefined;
    this.#ready.length = this.#next = this.#bytes = 0;
    this.#letIn();
  }

  write(out: Writer): boolean {
    query(out, this.#text);
    return true;
  }

  *talk(): Conversation<void> {
    [this.start] = yield* this.#rows(yield, readPosition, 1);
    this.tablespaces.push(...yield* this.#rows(yield, readTablespace, MOST_TABLESPACES));
    if (this.start === undefined) throw new ProtocolError("BASE_BACKUP has no start");
    this.#begin();
    let message = yield;
    for (let i = 0; message.tag === Backend.CopyOutResponse; i++) {
      readCopyResponse(message.reader);
      if (this.#isOld) this.#keep(this.#oldFile(i));
      message = yield this;
      expect(message, Backend.CopyDone);
      message = yield;
    }
    [this.end] = yield* this.#rows(message, readPosition, 1);
    message = yield;
    expect(message, Backend.CommandComplete);
    readCommandTag(message.reader);
  }

  /** Takes one message of the copy. */
  take(reader: Reader): void | Promise<void> {
    if (this.#isOld) {
      this.progress += reader.remaining;
      this.#keep(reader.bytes(reader.remaining));
    } else this.#read(reader);
    if (this.#bytes < WINDOW) return;
    return new Promise((resolve) => this.#release = resolve);
  }

  #read(reader: Reader): void {
    switch (reader.uint8()) {
      case DATA:
        return this.#keep(reader.bytes(reader.remaining));
      case NEW_ARCHIVE: {
        const [name, path] = [reader.cstring(), reader.cstring()];
        reader.finish();
        const tablespacePath = path === "" ? undefined : path;
        return this.#keep({ kind: "archive", name, tablespacePath, isSkipped: false });
      }
      case MANIFEST:
        reader.finish();
        return this.#keep({ ...MANIFEST_FILE });
      case PROGRESS:
        this.progress = Number(reader.int64());
        return reader.finish();
      default:
        throw new ProtocolError("unknown message in a base backup");
    }
  }

  #keep(item: Uint8Array<ArrayBuffer> | FileStart): void {
    if (this.#isLeft) return;
    this.#ready.push(item);
    this.#bytes += sizeOf(item);
    this.#wake();
  }

  /** Returns the next item without taking it; `undefined` at the end. */
  async #item(): Promise<Uint8Array<ArrayBuffer> | FileStart | undefined> {
    for (;;) {
      const item = this.#ready[this.#next];
      if (item !== undefined && !(item instanceof Uint8Array && this.#current?.isSkipped)) {
        return item;
      }
      if (item !== undefined) this.#shift(item);
      else if (this.#outcome === undefined) {
        await new Promise<void>((wake) => this.#wakes.push(wake));
      } else if ("error" in this.#outcome && !this.#isLeft) throw this.#outcome.error;
      else return undefined;
    }
  }

  /** Takes the item out, unless another reader has. */
  #shift(item: Uint8Array<ArrayBuffer> | FileStart): void {
    if (this.#ready[this.#next] !== item) return;
    this.#bytes -= sizeOf(item);
    if (++this.#next === this.#ready.length) this.#ready.length = this.#next = 0;
    if (this.#bytes < WINDOW / 2) this.#letIn();
  }

  #letIn(): void {
    this.#release?.();
    this.#release = undefined;
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  /** PostgreSQL 14 sends the archives in the order of the tablespaces, and then the manifest. */
  #oldFile(index: number): FileStart {
    const tablespace = this.tablespaces[index];
    if (tablespace === undefined) return { ...MANIFEST_FILE };
    const name = tablespace.oid === undefined ? "base.tar" : `${tablespace.oid}.tar`;
    return { kind: "archive", name, tablespacePath: tablespace.path, isSkipped: false };
  }

  *#rows<Row>(
    message: Message,
    read: (reader: Reader, columns: number) => Row,
    most: number,
  ): Generator<undefined, Row[], Message> {
    expect(message, Backend.RowDescription);
    const { length } = readRowDescription(message.reader);
    const rows: Row[] = [];
    for (message = yield; message.tag === Backend.DataRow; message = yield) {
      if (rows.length === most) {
        throw new ProtocolError("too many rows in the answer to BASE_BACKUP");
      }
      rows.push(read(message.reader, length));
    }
    expect(message, Backend.CommandComplete);
    readCommandTag(message.reader);
    return rows;
  }
}

const MANIFEST_FILE: FileStart = {
  kind: "manifest",
  name: "backup_manifest",
  tablespacePath: undefined,
  isSkipped: false,
};

function sizeOf(item: Uint8Array | FileStart): number {
  return OVERHEAD + (item instanceof Uint8Array ? item.length : item.name.length);
}

function readPosition(reader: Reader, columns: number): BackupPosition {
  const [position, timeline] = readTextRow(reader, columns);
  return { position: positionIn(position), timeline: numberIn(timeline) };
}

function readTablespace(reader: Reader, columns: number): Tablespace {
  const [oid, path, kilobytes] = readTextRow(reader, columns);
  return {
    oid: oid === null ? undefined : numberIn(oid),
    path: path ?? undefined,
    size: kilobytes === null ? undefined : numberIn(kilobytes) * 1024,
  };
}

function expect({ tag }: Message, expected: number): void {
  if (tag === expected) return;
  throw new ProtocolError(`${backendName(tag)} in the answer to BASE_BACKUP`);
}
