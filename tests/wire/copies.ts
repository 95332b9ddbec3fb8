/** Messages and scripts for the wire tests of COPY. */
import assert from "node:assert/strict";
import type { Connection } from "../../mod.ts";
import { expect, expectAll, expectClose, type Script, send } from "../_kit/scripted_server.ts";
import {
  bindComplete,
  copyInResponse,
  copyOutResponse,
  parseComplete,
} from "../_kit/server_messages.ts";
import { NEW, wholeAnswer } from "./hostile.ts";

/** A copy in. */
export const IN = "copy t from stdin";
/** A copy out. */
export const OUT = "copy t to stdout";
/** The messages before the answer to Execute. */
export const BEGUN: readonly Uint8Array[] = [parseComplete(), bindComplete()];
/** Up to the data of a copy in. */
export const BEGIN_IN: Script = [expectAll("P", "B", "E", "H"), send(...BEGUN, copyInResponse())];
/** Up to the data of a copy out. */
export const BEGIN_OUT: Script = [expectAll("P", "B", "E", "S"), send(...BEGUN, copyOutResponse())];
/** Another query is answered, and then it is over. */
export const USABLE: Script = [NEW, send(...wholeAnswer("alive")), expect("X"), expectClose()];
/** Expects a CopyData that holds just this. */
export const data = (text: string): Script => [expect("d", (m) => assert.equal(bodyOf(m), text))];

/** A message's body as text. */
export function bodyOf({ body }: { body: Uint8Array }): string {
  return new TextDecoder().decode(body);
}

/** Runs the query that {@linkcode USABLE} answers, and closes. */
export async function assertAlive(db: Connection): Promise<void> {
  assert.deepEqual([...await db.query("select 'alive' as n")], [{ n: "alive" }]);
  await db.close();
}
