import type { Bench, Place, Workload } from "../workload.ts";

const PLACES: Readonly<Record<string, Place>> = {
  "connect, plain": "plain",
  "connect, SCRAM": "scram",
  "connect, TLS": "tls",
  "connect, TLS and SCRAM": "tls and scram",
};

/** Connections that are opened and closed, one after the other. */
const workloads: Workload[] = Object.entries(PLACES).map(([name, place]) => ({
  ...{ name, place, step, verify },
  group: "connect",
  unit: "connections",
}));

/** Connections that are open at once. */
const AT_ONCE = 32;

workloads.push({
  name: `${AT_ONCE} connections, one query each`,
  group: "connect",
  unit: "queries",
  async step(bench) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => verify(bench)));
    return AT_ONCE;
  },
  verify,
});

export default workloads;

const CONNECTIONS = 20;

async function step({ peer, settings }: Bench): Promise<number> {
  for (let i = 0; i < CONNECTIONS; i++) {
    const client = await peer.connect(settings);
    await client.close();
  }
  return CONNECTIONS;
}

async function verify({ peer, settings }: Bench): Promise<void> {
  const client = await peer.connect(settings);
  await client.query("select 1 as one", []);
  await client.close();
}
