import { Client } from "./client.ts";
import { Pool } from "./pool.ts";
import type { PoolConfig } from "./pool_config.ts";

/** The pool of the module `pg`. Tools recognise it by its name. */
export class BoundPool extends Pool {
  /** Creates a pool. */
  constructor(options?: PoolConfig) {
    super(options, Client);
  }
}
