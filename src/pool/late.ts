/** The code of pools that is otherwise loaded with its first use, for Deno; see `late.ts` beside the pool. */

/** Loads the code. */
export function load(): Promise<unknown> {
  return Promise.all([
    import("./listener.ts"),
    import("./on_connect.ts"),
    import("./plain_reads.ts"),
    import("./session_need.ts"),
  ]);
}
