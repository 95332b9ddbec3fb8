/**
 * The surroundings of the command-line tool: files, processes and a terminal. `node_workplace.ts` has
 * them of `node:` modules, which all runtimes offer.
 */

/** A program that has ended. */
export interface Ended {
  /** The exit code; 127 when the program could not be started. */
  readonly code: number;
  /** All that it printed. */
  readonly output: string;
}

/** The surroundings of the tool. Paths are relative to the directory it was started in. */
export interface Workplace {
  /** The arguments behind the tool's own name. */
  readonly arguments: readonly string[];
  /** Returns an environment variable. */
  env(name: string): string | undefined;
  /** Returns a file's text; `undefined` when it does not exist. */
  read(path: string): Promise<string | undefined>;
  /** Writes a file: whole, or not at all. */
  write(path: string, text: string): Promise<void>;
  /** Removes a file; one that does not exist is removed already. */
  remove(path: string): Promise<void>;
  /** Returns the files under a path, or the path if it is a file; `isLeftOut` has folders skipped. */
  files(path: string, isLeftOut: (path: string) => boolean): Promise<readonly string[]>;
  /** Returns when a file was changed, in milliseconds; `undefined` when it does not exist. */
  changed(path: string): Promise<number | undefined>;
  /** Runs a program to its end. */
  run(program: string, args: readonly string[]): Promise<Ended>;
  /** Prints a text. */
  print(text: string): void;
  /** Prints a text where errors are printed. */
  complain(text: string): void;
  /** Sets the exit code of the process. */
  exitWith(code: number): void;
  /** Resolves after this many milliseconds. */
  wait(milliseconds: number): Promise<void>;
}
