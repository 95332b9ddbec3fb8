/**
 * Time limits that the process itself cannot break. An event loop that was blocked, or a process that
 * was stopped, runs its timers before it reads its sockets, and would give up what was answered long
 * ago. libpq looks at the socket before the clock for the same reason (`pqWaitTimed`).
 */

/** Milliseconds by which a timer may be late before that counts as time the process did not run. */
const LATE = 50;
/** How often the time is extended. */
const EXTENSIONS = 2;

/**
 * Calls `act` once after `milliseconds`, unless the returned function is called before.
 *
 * A timer that fires more than 50 ms late is set again, at most twice, for as long as it was late, but
 * never for longer than `milliseconds`. The event loop reads its sockets in between, and a server gets
 * the time back that the process did not run.
 */
export function after(milliseconds: number, act: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (time: number, extensions: number): void => {
    const due = performance.now() + time;
    timer = setTimeout(() => {
      const lateness = performance.now() - due;
      if (lateness <= LATE || extensions === 0) act();
      else wait(Math.min(lateness, milliseconds), extensions - 1);
    }, time);
  };
  wait(milliseconds, EXTENSIONS);
  return () => clearTimeout(timer);
}
