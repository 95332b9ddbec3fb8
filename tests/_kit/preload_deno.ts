/**
 * Loaded before every test file under Deno (`deno test --preload`). Deno's node:test swallows
 * exceptions thrown outside of tests, by a timer or a socket's event handler, and ends without
 * waiting for what the last test left behind; here both fail the run.
 */
globalThis.addEventListener("error", ({ error }: ErrorEvent) => void Promise.reject(error));
Deno.test.afterAll(() => new Promise<void>((resolve) => setTimeout(resolve, 50)));
