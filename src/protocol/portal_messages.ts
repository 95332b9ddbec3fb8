/** The message that runs a portal by its name. The rules of `frontend.ts` hold. */
import type { Writer } from "../bytes/writer.ts";
import { Frontend } from "./tags.ts";

/** Appends Execute of a portal; `maxRows` 0 means all. */
export function execute(out: Writer, portal: string, maxRows: number): void {
  const at = out.beginMessage(Frontend.Execute);
  out.cstring(portal, "the portal's name");
  out.int32(maxRows);
  out.endMessage(at);
}
