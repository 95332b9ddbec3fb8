/**
 * Gives connecting up in the way its first argument names, and then has nothing more to do: a
 * process that goes on was left a socket, a timer or a handle. For connect_time.test.ts.
 */
import process from "node:process";
import { connect, type ConnectOptions } from "../../mod.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";

const [how, silent, hole] = process.argv.slice(2);
const host = "127.0.0.1";
const common: ConnectOptions = { host, user: "u", sslMode: "disable" };

/** Options that cannot succeed; where nothing else does, `signal` ends them. */
async function options(): Promise<ConnectOptions> {
  switch (how) {
    case "timeout":
      return { ...common, port: Number(hole), connectTimeout: 0.2 };
    case "hosts": {
      const port = [Number(silent), Number(hole), 1];
      return { ...common, host: port.map(() => host), port, connectTimeout: 0.2 };
    }
    case "lookup": {
      const lookup = () => new Promise<never>(() => {});
      const runtime = { ...await detectRuntime(), lookup };
      return { ...common, host: "slow.test", runtime, connectTimeout: 0.2 };
    }
    default:
      return { ...common, port: Number(silent), signal: AbortSignal.timeout(200) };
  }
}

try {
  await connect(await options());
} catch {
  process.stdout.write("given up\n");
}
