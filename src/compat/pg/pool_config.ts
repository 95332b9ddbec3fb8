import type { ClientConfig } from "./client_config.ts";
import type { Client } from "./client.ts";

/** A class of clients. */
export type ClientClass = new (config: PoolConfig) => Client;

/** Options of a pool, and of its clients. Times are in milliseconds unless their names say otherwise. */
export interface PoolConfig extends ClientConfig {
  /** The most clients. Default 10. */
  max?: number;
  /** Another name of `max`. */
  poolSize?: number;
  /** The clients that are kept when they are idle. Default 0. */
  min?: number;
  /** The time after which an idle client is closed; 0: never. Default 10,000. */
  idleTimeoutMillis?: number;
  /** The number of leases after which a client is closed. */
  maxUses?: number;
  /** The age at which a client is closed, in seconds; 0: never. */
  maxLifetimeSeconds?: number;
  /** Whether idle clients let the process end. */
  allowExitOnIdle?: boolean;
  /** Called with each new client, before the first lease of it. An error refuses the client. */
  onConnect?: (client: Client) => unknown;
  /** Called with each new client, before the first lease of it; calls back when the client is fit. */
  verify?: (client: Client, callback: (error?: Error) => void) => void;
  /** Called with messages about the pool's doings. */
  log?: (...messages: unknown[]) => void;
  /** The class of the clients. */
  Client?: ClientClass;
}
