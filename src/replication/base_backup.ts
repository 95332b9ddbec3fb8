import { CALL_OPTIONS, checkOptions } from "../errors/checks.ts";
import { InterfaceError } from "../errors/errors.ts";
import type { ByteStream } from "../query/source.ts";
import type { Session } from "../session/session.ts";
import { baseBackup, type BaseBackupOptions, checkBackupVersion } from "./backup_command.ts";
import {
  type BackupPosition,
  BackupRequest,
  type FileStart,
  type Tablespace,
} from "./backup_request.ts";
import { UploadManifest } from "./upload_manifest.ts";

/** One file of a base backup. */
export interface BackupFile {
  /** `archive`: the tar file of the data directory or of a tablespace. `manifest`: the list of all files. */
  readonly kind: "archive" | "manifest";
  /** The name: `base.tar`, `16385.tar.gz`, `backup_manifest`. */
  readonly name: string;
  /** The directory of the tablespace; `undefined` for the data directory and the manifest. */
  readonly tablespacePath: string | undefined;
  /** The bytes. Read or cancel the stream before you ask for the next file, or the rest is dropped. */
  readonly body: ByteStream;
}

/** How far a backup has come. */
export interface BackupProgress {
  /** Bytes that the server has read. */
  readonly done: number;
  /** The estimated size of all tablespaces in bytes; `undefined` without the option `progress`. */
  readonly total: number | undefined;
}

/**
 * A base backup that is being received: an iterable of its files, in the server's order.
 *
 * The server waits while nothing is read. Leaving the loop early cancels the backup on the server; the
 * connection is usable afterwards.
 */
export class BaseBackup implements AsyncIterable<BackupFile>, AsyncDisposable {
  /** The position and timeline at which the backup starts. */
  readonly start: BackupPosition;
  /** The tablespaces, of which the data directory is one. */
  readonly tablespaces: readonly Tablespace[];
  /** A promise that resolves when the connection is free again. Never rejects. */
  readonly ended: Promise<void>;
  readonly #request: BackupRequest;
  #isIterated = false;

  /** For the driver: use `baseBackup()` of a replication connection. */
  private constructor(request: BackupRequest, ended: Promise<void>) {
    this.#request = request;
    this.ended = ended;
    this.start = request.start!;
    this.tablespaces = request.tablespaces;
  }

  /** @internal Starts a backup. Resolves when the server has sent its start. */
  static async open(
    session: Session,
    major: number,
    options: BaseBackupOptions,
  ): Promise<BaseBackup> {
    checkBackupVersion(major);
    const text = baseBackup(major, options);
    const { signal, timeout, incremental } = options;
    checkOptions({ signal, timeout }, CALL_OPTIONS);
    if (incremental !== undefined) {
      await session.request(new UploadManifest(session, incremental), { signal, timeout });
    }
    const request = new BackupRequest(session, text, major < 15);
    const ended = request.run({ signal, timeout });
    await request.begun;
    return new BaseBackup(request, ended);
  }

  /** The position and timeline at which the backup ends: the WAL up to there belongs to it. Set after all files. */
  get end(): BackupPosition | undefined {
    return this.#request.end;
  }

  /** How far the server has come; it reports with the option `progress`. */
  get progress(): BackupProgress {
    const sizes = this.tablespaces.map(({ size }) => size);
    const isKnown = sizes.every((size) => size !== undefined);
    const total = isKnown ? sizes.reduce((sum, size) => sum + size!, 0) : undefined;
    return { done: this.#request.progress, total };
  }

  /**
   * Yields the files.
   *
   * @throws {InterfaceError} the backup is read already.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<BackupFile, void> {
    if (this.#isIterated) throw new InterfaceError("the base backup is read already");
    this.#isIterated = true;
    try {
      for (let file = await this.#request.nextFile(); file; file = await this.#request.nextFile()) {
        yield this.#file(file);
      }
    } finally {
      await this.stop();
    }
  }

  /** Cancels the backup unless it is complete. Resolves when the connection is free. Never rejects. */
  async stop(): Promise<void> {
    this.#request.leave();
    await this.ended;
  }

  /** `await using` stops the backup. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #file(file: FileStart): BackupFile {
    const request = this.#request;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        const chunk = await request.nextChunk(file);
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: () => void (file.isSkipped = true),
    }, { highWaterMark: 0 }) as ByteStream;
    const { kind, name, tablespacePath } = file;
    return { kind, name, tablespacePath, body };
  }
}
