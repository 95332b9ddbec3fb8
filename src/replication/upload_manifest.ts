import type { Writer } from "../bytes/writer.ts";
import { ProtocolError } from "../errors/errors.ts";
import { readCommandTag } from "../protocol/backend.ts";
import { readCopyResponse } from "../protocol/copy_messages.ts";
import { copyData, copyDone, query } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import type { Conversation, Request } from "../session/exchange.ts";
import type { Session } from "../session/session.ts";

/** Bytes of one CopyData. */
const CHUNK = 65_536;

/** Sends the manifest of an earlier backup, which an incremental one is based on (PostgreSQL 17). */
export class UploadManifest implements Request<void> {
  readonly #session: Session;
  readonly #manifest: Uint8Array;

  constructor(session: Session, manifest: Uint8Array) {
    this.#session = session;
    this.#manifest = manifest;
  }

  write(out: Writer): boolean {
    query(out, "UPLOAD_MANIFEST");
    return true;
  }

  *talk(): Conversation<void> {
    let message = yield;
    if (message.tag !== Backend.CopyInResponse) throw unexpected(message.tag);
    readCopyResponse(message.reader);
    this.#session.append((out) => {
      for (let at = 0; at < this.#manifest.length; at += CHUNK) {
        copyData(out, this.#manifest.subarray(at, at + CHUNK));
      }
      copyDone(out);
    });
    message = yield;
    if (message.tag !== Backend.CommandComplete) throw unexpected(message.tag);
    readCommandTag(message.reader);
  }
}

function unexpected(tag: number): ProtocolError {
  return new ProtocolError(`${backendName(tag)} in the answer to UPLOAD_MANIFEST`);
}
