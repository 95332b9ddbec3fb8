/** Waiting in tests: for a time, for a condition, and for a promise that may be late. */

/** Waits, for tests that must let time pass. */
export function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Waits until `holds` answers true; fails after so many seconds. */
export async function until(holds: () => boolean | Promise<boolean>, seconds = 30): Promise<void> {
  for (const end = performance.now() + seconds * 1000; !await holds();) {
    if (performance.now() > end) throw new Error(`the condition did not hold within ${seconds} s`);
    await pause(0.005);
  }
}

/** Reports whether `work` settles within `seconds`. Leaves no timer behind that Node waits for. */
export async function inTime(work: Promise<unknown>, seconds: number): Promise<boolean> {
  let clock: ReturnType<typeof setTimeout>;
  const late = new Promise<false>((resolve) => {
    clock = setTimeout(() => resolve(false), seconds * 1000);
  });
  return await Promise.race([work.then(() => true), late]).finally(() => clearTimeout(clock));
}
