/** The example servers: a few thousand requests without an error, then a graceful end. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { Agent, request } from "node:http";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "../_kit/waiting.ts";
import { sharedServer } from "../_kit/servers.ts";

const RUNTIME = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
/** The built package is tested as JavaScript. */
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const REQUESTS = process.env.CORNAC_CHAOS === "full" ? 20_000 : 2_000;

test(
  `pool: the example server of ${RUNTIME} answers thousands of requests, and those in flight when it is told to end`,
  {
    timeout: 60_000,
  },
  async () => {
    const { host, port: PGPORT } = await sharedServer();
    const file = fileURLToPath(
      new URL(`../../examples/server_${RUNTIME}.${EXTENSION}`, import.meta.url),
    );
    const flags = RUNTIME === "deno" ? ["run", "-A", "--no-check"] : [];
    const env = {
      ...process.env,
      PGHOST: host,
      PGPORT: `${PGPORT}`,
      PGUSER: "postgres",
      PGDATABASE: "postgres",
      PORT: "0",
    };
    const child = spawn(process.execPath, [...flags, file], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    try {
      const port = await new Promise<number>((resolve, reject) => {
        void exited.then(() => reject(new Error("it ended at once")));
        child.stdout!.on("data", (bytes) => {
          printed += bytes;
          const found = /listening on (\d+)/.exec(printed);
          if (found !== null) resolve(Number(found[1]));
        });
      });
      const agent = new Agent({ keepAlive: true, maxSockets: 50 });
      const client = async (id: number): Promise<void> => {
        for (let i = id; i < REQUESTS; i += 50) {
          const n = i % 1000;
          const [method, path, expected] = i % 10 === 0
            ? ["POST", "/transfer", { total: 12 }] as const
            : ["GET", `/square/${n}`, { square: n * n }] as const;
          assert.deepEqual(await call(agent, port, method, path), expected);
        }
      };
      await Promise.all(Array.from({ length: 50 }, (_, id) => client(id)));
      const stats = await call(agent, port, "GET", "/stats") as Record<string, number>;
      assert.ok(stats.total! <= 8 && stats.waiting === 0);
      // In flight when the server is told to end: none is lost.
      const before = stats.acquired!;
      const slow = Array.from({ length: 20 }, () => call(agent, port, "GET", "/slow"));
      const answered = Promise.all(slow);
      await until(async () => {
        const { acquired } = await call(agent, port, "GET", "/stats") as { acquired: number };
        return acquired >= before + slow.length;
      });
      // Not child.kill(): under Deno the child then counts as killed, whatever it exited with.
      process.kill(child.pid!, "SIGTERM");
      assert.deepEqual(await answered, slow.map(() => ({ slow: "done" })));
      agent.destroy();
      assert.equal(await exited, 0);
      assert.match(printed, /bye/);
    } finally {
      child.kill("SIGKILL");
    }
  },
);

function call(agent: Agent, port: number, method: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, port, method, path, host: "127.0.0.1" }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece) => text += piece);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${response.statusCode}: ${text}`));
      });
    });
    sent.on("error", reject);
    sent.end();
  });
}
