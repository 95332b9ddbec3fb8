/**
 * Loaded before the tests under Bun (`bun test --preload`), which would end without waiting for what
 * the last test left behind.
 */
const module = "bun:test";
const { afterAll } = await import(module) as { afterAll(hook: () => Promise<void>): void };
afterAll(() => new Promise<void>((resolve) => setTimeout(resolve, 50)));
