/** Stands for modules that workerd does not have; a test that calls them fails, and is excluded by name. */

/** Makes a function that says what is missing. */
export function missing(what: string): () => never {
  return () => {
    throw new Error(`workerd has no ${what}`);
  };
}

export const spawn: () => never = missing("processes");
export const execFileSync: () => never = missing("processes");
export const spawnSync: () => never = missing("processes");
export const runInNewContext: () => never = missing("node:vm");
export const Worker: () => never = missing("worker threads");

const all: object = { execFileSync, runInNewContext, spawn, spawnSync, Worker };
export default all;
