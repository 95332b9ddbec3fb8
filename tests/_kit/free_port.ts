import { createServer } from "node:net";

/**
 * Returns a port of this machine that no process listens on at the moment. It is below the ports that
 * systems give to outgoing connections (32768 and above on Linux, 49152 elsewhere): one of those could
 * take the port of a server that starts, or that restarts on its port.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 1;; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    try {
      await listenOnce(port);
      return port;
    } catch (error) {
      if (attempt === 100) throw error;
    }
  }
}

const [LOWEST, HIGHEST] = [10_000, 32_768];

function listenOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => server.close(() => resolve()));
  });
}
