/** Programs of examples/ that listen on a port, run by the runtime that runs the test. */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const RUNTIME = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
/** The built package is tested as JavaScript. */
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** A running program. */
export interface ExampleServer {
  /** The port that it has printed. */
  readonly port: number;
  /** Sends SIGTERM; resolves to the exit code. */
  end(): Promise<number | null>;
  /** Returns the output so far. */
  printed(): string;
}

/** Runs `examples/<name>` with these variables while `work` runs. */
export async function withExampleServer(
  name: string,
  variables: Readonly<Record<string, string>>,
  work: (server: ExampleServer) => Promise<void>,
): Promise<void> {
  const file = fileURLToPath(new URL(`../../examples/${name}.${EXTENSION}`, import.meta.url));
  const flags = RUNTIME === "deno" ? ["run", "-A", "--no-check"] : [];
  const child = spawn(process.execPath, [...flags, file], {
    env: { ...process.env, PORT: "0", ...variables },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  try {
    const port = await new Promise<number>((resolve, reject) => {
      void exited.then(() => reject(new Error(`${name} has ended`)));
      child.stdout!.on("data", (bytes) => {
        printed += bytes;
        const found = /listening on (\d+)/.exec(printed);
        if (found !== null) resolve(Number(found[1]));
      });
    });
    const end = (): Promise<number | null> => {
      // Not child.kill(): under Deno the child then counts as killed, whatever its exit code is.
      process.kill(child.pid!, "SIGTERM");
      return exited;
    };
    await work({ port, end, printed: () => printed });
  } finally {
    child.kill("SIGKILL");
  }
}
