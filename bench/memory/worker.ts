/**
 * Measures the memory of one result: `worker.ts PEER SETTINGS ROWS` prints a line with a
 * {@linkcode Footprint}. The garbage collector must be callable.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { loadPeer } from "../catalogue.ts";
import type { Peer, Settings } from "../peer.ts";

/** The memory of a result of many rows. */
export interface Footprint {
  /** Bytes that each row keeps once the result is complete, without its bytes on the wire. */
  readonly bytes: number;
  /** The most resident memory of the process while the rows arrived, in MB. */
  readonly peak: number;
}

const TEXT = "select i as id, 'name ' || i as name, i / 4.0::float8 as price, " +
  "case i % 3 when 0 then 'new' when 1 then 'paid' else 'shipped' end as status " +
  "from generate_series(1, $1::int) i";

const [name = "", settings = "{}", rows = "0"] = process.argv.slice(2);

/** Returns the bytes in use after collections. */
async function used(): Promise<number> {
  const { Bun, gc } = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void };
  for (let i = 0; i < 5; i++) {
    if (Bun === undefined) gc!();
    else Bun.gc(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (Bun !== undefined) {
    const { heapStats } = await import("bun:jsc" as string);
    const { heapSize, extraMemorySize } = heapStats();
    return heapSize + extraMemorySize;
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Returns the peak of the resident set in MB. Source: proc(5), `/proc/pid/status`. */
function peakOfProcess(): number {
  try {
    const found = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
    return Number(found?.[1] ?? 0) / 1024;
  } catch {
    return 0; // not Linux
  }
}

async function measure(peer: Peer, login: Settings, count: number): Promise<Footprint> {
  const client = await peer.connect(login);
  // The second execution is prepared, and its decoder is compiled.
  for (let i = 0; i < 3; i++) await client.query(TEXT, [1000]);
  const before = await used();
  const result = await client.query(TEXT, [count]);
  const peak = peakOfProcess();
  const bytes = (await used() - before) / count;
  if (result.length !== count) throw new Error(`${count} rows arrive, not ${result.length}`);
  await client.close();
  return { bytes, peak };
}

const peer = await loadPeer(name);
const footprint = await measure(peer, JSON.parse(settings), Number(rows));
process.stdout.write(`${JSON.stringify(footprint)}\n`);
process.exit(0);
