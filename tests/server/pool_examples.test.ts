/** The example servers: a few thousand requests without an error, then a graceful end. */
import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import process from "node:process";
import { test } from "node:test";
import { withExampleServer } from "../_kit/example_server.ts";
import { sharedServer } from "../_kit/servers.ts";
import { until } from "../_kit/waiting.ts";

const RUNTIME = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
const REQUESTS = process.env.CORNAC_CHAOS === "full" ? 20_000 : 2_000;

test(
  `pool: the example server of ${RUNTIME} answers thousands of requests, and ends gracefully`,
  { timeout: 60_000 },
  async () => {
    const { host, port } = await sharedServer();
    const login = { PGHOST: host, PGPORT: `${port}`, PGUSER: "postgres", PGDATABASE: "postgres" };
    await withExampleServer(`server_${RUNTIME}`, login, async (server) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 50 });
      const client = async (id: number): Promise<void> => {
        for (let i = id; i < REQUESTS; i += 50) {
          const n = i % 1000;
          const [method, path, expected] = i % 10 === 0
            ? ["POST", "/transfer", { total: 12 }] as const
            : ["GET", `/square/${n}`, { square: n * n }] as const;
          assert.deepEqual(await call(agent, server.port, method, path), expected);
        }
      };
      await Promise.all(Array.from({ length: 50 }, (_, id) => client(id)));
      const stats = await call(agent, server.port, "GET", "/stats") as Record<string, number>;
      assert.ok(stats.total! <= 8 && stats.waiting === 0);
      // Requests in flight when the server is asked to end are answered.
      const before = stats.acquired!;
      const slow = Array.from({ length: 20 }, () => call(agent, server.port, "GET", "/slow"));
      const answered = Promise.all(slow);
      await until(async () => {
        const { acquired } = await call(agent, server.port, "GET", "/stats") as {
          acquired: number;
        };
        return acquired >= before + slow.length;
      });
      const ended = server.end();
      assert.deepEqual(await answered, slow.map(() => ({ slow: "done" })));
      agent.destroy();
      assert.equal(await ended, 0);
      assert.match(server.printed(), /bye/);
    });
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
