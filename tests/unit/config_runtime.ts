import assert from "node:assert/strict";
import { InterfaceError, NotSupportedError, type PgError } from "../../src/errors/errors.ts";
import type { ConnectOptions } from "../../src/config/options.ts";
import { resolveSettings } from "../../src/config/settings.ts";
import type { Settings } from "../../src/config/settings.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";

/** The contents of a fake machine; everything else is absent. */
export interface Machine {
  env?: Record<string, string>;
  files?: Record<string, string>;
  modes?: Record<string, { mode: number; uid: number }>;
  user?: string;
  home?: string;
}

/** A runtime that only knows what the machine was given; dialling fails. */
export function fakeRuntime(machine: Machine = {}): Runtime {
  const never = (): never => {
    throw new Error("configuration must not get here");
  };
  return {
    name: "fake",
    asyncStacks: true,
    connect: never,
    adopt: never,
    lookup: never,
    env: (name) => machine.env?.[name],
    readTextFile: (path) => Promise.resolve(machine.files?.[path]),
    fileMode: (path) => Promise.resolve(machine.modes?.[path]),
    userName: () => machine.user,
    homeDirectory: () => machine.home,
    md5: never,
    unrefTimer: never,
  };
}

/** Resolves on a machine whose user is `me`, with home directory `/home/me`, unless told otherwise. */
export function resolve(
  given: string | URL | ConnectOptions,
  machine: Machine = {},
  options: ConnectOptions = {},
): Promise<Settings> {
  const runtime = fakeRuntime({ user: "me", home: "/home/me", ...machine });
  return typeof given === "string" || given instanceof URL
    ? resolveSettings(given, options, runtime)
    : resolveSettings(undefined, given, runtime);
}

/** Returns the password of each host, given or from the password file. */
export function passwordsOf({ targets }: Settings): Promise<unknown[]> {
  return Promise.all(
    targets.map(async ({ password, passwordFile }) => password ?? (await passwordFile!()).password),
  );
}

/** Asserts that this is refused with an `InterfaceError`, and returns its message. */
export function refused(
  given: string | URL | ConnectOptions,
  machine: Machine = {},
  options: ConnectOptions = {},
): Promise<string> {
  return refusalMessage(InterfaceError, resolve(given, machine, options));
}

/** Asserts that this is refused with a `NotSupportedError`, and returns its message. */
export function unsupported(
  given: string | URL | ConnectOptions,
  machine: Machine = {},
  options: ConnectOptions = {},
): Promise<string> {
  return refusalMessage(NotSupportedError, resolve(given, machine, options));
}

async function refusalMessage(Class: typeof PgError, attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    assert.ok(error instanceof Class, `${error} is no ${Class.name}`);
    return error.message;
  }
  assert.fail(`nothing was refused with ${Class.name}`);
}
