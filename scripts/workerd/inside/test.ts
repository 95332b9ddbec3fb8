/** Stands for `node:test` in workerd: registers tests while a file loads, and runs them one by one. */

interface Options {
  readonly skip?: boolean | string;
  readonly timeout?: number;
}

type Work = (context: object) => unknown;

interface Registered {
  readonly name: string;
  readonly options: Options;
  readonly work: Work;
  readonly suite: Suite | undefined;
}

interface Suite {
  readonly entries: Registered[];
  readonly before: Work[];
  readonly after: Work[];
  readonly beforeEach: Work[];
  readonly afterEach: Work[];
}

/** The outcome of a test; `detail` is its error, or the reason for which it was skipped. */
export interface Outcome {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly detail: string;
}

/** Seconds that a test may take. */
const SECONDS = 60;

const emptySuite = (): Suite => ({
  ...{ entries: [], before: [], after: [] },
  ...{ beforeEach: [], afterEach: [] },
});

let current = emptySuite();

/** `test` of node:test. */
export function test(name: string, ...rest: readonly (Options | Work)[]): Promise<void> {
  current.entries.push({ ...parts(name, rest), suite: undefined });
  return Promise.resolve();
}

/** `describe` of node:test. */
export function describe(name: string, ...rest: readonly (Options | Work)[]): void {
  const outer = current;
  const suite = emptySuite();
  const registered = parts(name, rest);
  outer.entries.push({ ...registered, suite });
  current = suite;
  try {
    registered.work({});
  } finally {
    current = outer;
  }
}

function parts(name: string, rest: readonly (Options | Work)[]): Omit<Registered, "suite"> {
  const work = rest.find((part) => typeof part === "function") ?? (() => {});
  const options = rest.find((part) => typeof part === "object") ?? {};
  return { name, options: options as Options, work: work as Work };
}

export const it: typeof test = test;
export const suite: typeof describe = describe;
export const before = (work: Work): void => void current.before.push(work);
export const after = (work: Work): void => void current.after.push(work);
export const beforeEach = (work: Work): void => void current.beforeEach.push(work);
export const afterEach = (work: Work): void => void current.afterEach.push(work);

export default test;

/** Loads a file, and runs the tests that it registers. */
export async function runFile(load: () => Promise<unknown>, filter: string): Promise<Outcome[]> {
  current = emptySuite();
  await load();
  const outcomes: Outcome[] = [];
  await runSuite(current, [], [], filter, outcomes);
  return outcomes;
}

async function runSuite(
  suite: Suite,
  names: readonly string[],
  around: readonly Suite[],
  filter: string,
  outcomes: Outcome[],
): Promise<void> {
  const all = [...around, suite];
  for (const work of suite.before) await work({});
  for (const { name, options, work, suite: inner } of suite.entries) {
    const path = [...names, name];
    if (inner !== undefined && !options.skip) await runSuite(inner, path, all, filter, outcomes);
    else if (path.join(" > ").includes(filter)) {
      const outcome = await outcomeOf(options, async () => {
        for (const { beforeEach } of all) for (const each of beforeEach) await each({});
        await runTest(work, path, outcomes);
        for (const { afterEach } of all) for (const each of afterEach) await each({});
      });
      outcomes.push({ name: path.join(" > "), ...outcome });
    }
  }
  for (const work of suite.after) await work({});
}

/** Runs a test, and those that it begins by its context. */
async function runTest(
  work: Work,
  names: readonly string[],
  outcomes: Outcome[],
): Promise<void> {
  const context = {
    name: names.at(-1),
    diagnostic: () => {},
    test: async (name: string, ...rest: readonly (Options | Work)[]): Promise<void> => {
      const inner = parts(name, rest);
      const path = [...names, name];
      const run = () => runTest(inner.work, path, outcomes);
      outcomes.push({ name: path.join(" > "), ...await outcomeOf(inner.options, run) });
    },
  };
  await work(context);
}

async function outcomeOf(
  { skip }: Options,
  run: () => Promise<void>,
): Promise<Omit<Outcome, "name">> {
  if (skip) return { outcome: "skipped", detail: skip === true ? "" : skip };
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`still running after ${SECONDS} s`)),
        SECONDS * 1000,
      );
    });
    await Promise.race([run(), late]);
    return { outcome: "passed", detail: "" };
  } catch (error) {
    return { outcome: "failed", detail: textOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** Returns an error's text with those of its causes. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, stack = "", cause } = error;
  const text = stack.includes(message) ? stack : `${error.name}: ${message}\n${stack}`;
  return cause === undefined ? text : `${text}\ncaused by: ${textOf(cause)}`;
}
