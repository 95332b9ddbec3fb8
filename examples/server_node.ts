/**
 * A web server on Node: a pool, JSON answers, graceful shutdown.
 *
 *     node examples/server_node.ts
 *
 * PORT says where it listens (default 8000); the PG* variables say where the database is.
 */
import { createServer } from "node:http";
import process from "node:process";
import { createPool } from "../mod.ts";
import { answer } from "./server_routes.ts";

const pool = createPool({}, { max: 8 });

const server = createServer(async (request, response) => {
  const { status, body } = await answer(pool, request.method ?? "GET", request.url ?? "/");
  response.writeHead(status, { "content-type": "application/json" }).end(body);
});
server.listen(Number(process.env.PORT ?? 8000), "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`listening on ${typeof address === "object" ? address?.port : address}\n`);
});

async function shutDown(): Promise<void> {
  await new Promise((resolve) => (server.close(resolve), server.closeIdleConnections()));
  await pool.close();
  process.stdout.write("bye\n");
}
process.once("SIGTERM", shutDown);
process.once("SIGINT", shutDown);
