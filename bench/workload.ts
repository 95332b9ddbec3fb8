import process from "node:process";
import type { Client, Peer, PoolClient, Settings } from "./peer.ts";

/** The connection that a workload runs on: plain, over TLS, or with a password, or both. */
export type Place = "plain" | "tls" | "scram" | "tls and scram";

/** The surroundings of a workload: one driver in a process of its own. */
export interface Bench {
  readonly peer: Peer;
  /** The server and the login. */
  readonly settings: Settings;
  /** A connection there. */
  readonly client: Client;
  /** A pool there, opened on first use. */
  pool(): PoolClient;
}

/**
 * One thing to measure, alike for every peer. Each file in `workloads/` has some, as its default export.
 */
export interface Workload {
  readonly name: string;
  /** The part of the report that it belongs to; `--workload` takes it, too. */
  readonly group: string;
  /** The unit that `step` counts. */
  readonly unit: string;
  /** The connection; a plain one by default. */
  readonly place?: Place;
  /** The method that a peer must have. Without it, the report has no figure of the peer. */
  readonly needs?: keyof Client | keyof Peer;
  /** Factor of the usual time of a turn; 0.2 makes turns short, of which there are then five times more. */
  readonly turn?: number;
  /** Whether each peer gets a new process, so that its memory is that of this workload. */
  readonly isFresh?: boolean;
  /** Does the work once and returns how many units that was. */
  step(bench: Bench): Promise<number>;
  /**
   * Prepares the server, and throws unless the peer's answers are right. It runs once, before the first
   * step.
   */
  verify(bench: Bench): Promise<void>;
}

/** The schema of the tables that this process makes; it is dropped at the end. */
export const SCHEMA: string = `bench_${process.pid}`;

/** Throws unless a fact about the answers holds. */
export function require(holds: boolean, fact: string): asserts holds {
  if (!holds) throw new Error(`wrong answer: ${fact}`);
}

/** Returns rows as objects. */
export function rowsOf(rows: ArrayLike<unknown>): Record<string, unknown>[] {
  return Array.from(rows) as Record<string, unknown>[];
}

/** Reports whether the peer is able to run the workload. */
export function isAble({ peer, client }: Bench, { needs }: Workload): boolean {
  return needs === undefined || needs in client || needs in peer;
}
