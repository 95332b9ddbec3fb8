/** A Worker that runs one test file per request, and answers with the outcomes. */
import { type Outcome, runFile, textOf } from "./test.ts";

interface Asked {
  readonly file: string;
  readonly filter: string;
}

/** Makes the Worker; `files` loads each test file by its path. */
export function workerOf(files: Readonly<Record<string, () => Promise<unknown>>>): object {
  const unhandled: unknown[] = [];
  globalThis.addEventListener("unhandledrejection", (event) => {
    unhandled.push((event as PromiseRejectionEvent).reason);
  });
  return {
    async fetch(request: Request): Promise<Response> {
      const { file, filter } = await request.json() as Asked;
      return Response.json(await outcomesOf(files[file]!, filter, unhandled));
    },
  };
}

async function outcomesOf(
  load: () => Promise<unknown>,
  filter: string,
  unhandled: unknown[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  try {
    outcomes.push(...await runFile(load, filter));
    await new Promise((resolve) => setTimeout(resolve, 50));
  } catch (error) {
    unhandled.push(error);
  }
  const late = unhandled.map((error) => ({
    name: "a failure outside of tests",
    outcome: "failed" as const,
    detail: textOf(error),
  }));
  return [...outcomes, ...late];
}
