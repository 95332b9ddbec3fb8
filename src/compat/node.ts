/**
 * The parts of Node's standard library that entry points in the shape of other drivers give to their
 * users. Deno, Bun and Workers with `nodejs_compat` have them, too.
 */
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import process from "node:process";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";

export { Buffer } from "node:buffer";
export { errorMonitor } from "node:events";
export { EventEmitter };
export { Readable, Writable } from "node:stream";

/**
 * Makes a class of emitters that allocate nothing before they have a listener: Node's constructor makes
 * the table of listeners, which `on()` makes where it is missing.
 */
export function inheritFromEmitter(prototype: object): void {
  Object.setPrototypeOf(prototype, EventEmitter.prototype);
}

/** Calls `work` after the current operation, before other events. */
export function nextTick(work: () => void): void {
  process.nextTick(() => {
    try {
      work();
    } catch (error) {
      uncaught(error);
    }
  });
}

/**
 * Throws an error of the caller's code where nothing catches it. Thrown by a tick behind a read, it
 * would keep node:net from taking the next buffer, and the bytes that follow would be lost.
 */
export function uncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Returns an environment variable; `undefined` if it is unset or may not be read. */
export function environment(name: string): string | undefined {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

/** Returns the text of a file. */
export function readText(path: string): string {
  return readFileSync(path, "utf8");
}

/** A timer, which holds the process unless `unref()` is called. */
export interface Timer {
  /** Lets the process end while the timer is pending. */
  unref(): unknown;
}

/** Calls `work` after so many milliseconds. */
export function after(milliseconds: number, work: () => void): Timer {
  return setTimeout(work, milliseconds);
}

/** Stops a timer. */
export function stop(timer: Timer | undefined): void {
  if (timer !== undefined) clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
}

/** Calls a function of the caller's. Its error ends the process, as one in a callback of the socket. */
export function calling(work: () => void): void {
  try {
    work();
  } catch (error) {
    uncaught(error);
  }
}

/** Calls `work` behind the events that have come. */
export function immediately(work: () => void): void {
  setImmediate(work);
}
