import { QUERIES } from "../queries.ts";
import type { Workload } from "../workload.ts";

/** The four queries over TLS. */
const workloads: Workload[] = QUERIES.map((query) => ({
  ...query,
  name: `${query.name}, TLS`,
  group: "tls",
  place: "tls",
}));

export default workloads;
