import { tracingChannel } from "node:diagnostics_channel";
import type { Peer } from "../peer.ts";
import cornac from "./cornac.ts";

/** This driver with a subscriber to every channel that does nothing: the cost of tracing itself. */
export default function traced(): Peer {
  let seen = 0;
  const count = (): void => void seen++;
  const watcher = { start: count, end: count, asyncStart: count, asyncEnd: count, error: count };
  for (const kind of ["connect", "query", "batch", "transaction", "copy"]) {
    tracingChannel(`cornac.pg:${kind}`).subscribe(watcher);
  }
  return { ...cornac(), name: "traced" };
}
