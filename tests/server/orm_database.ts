/** A database of its own for the tests of one library, and options that reach it. */
import { behind, shared } from "../_kit/databases.ts";
import type { ConnectOptions } from "../../mod.ts";

/** A database that the caller must drop. */
export class OwnDatabase {
  readonly name: string;
  /** Options that reach the database. */
  readonly options: ConnectOptions;

  private constructor(name: string, options: ConnectOptions) {
    this.name = name;
    this.options = options;
  }

  /** Creates a database. */
  static async create(): Promise<OwnDatabase> {
    const name = `orm_${crypto.randomUUID().replaceAll("-", "")}`;
    await behind(`create database ${name}`);
    return new OwnDatabase(name, await shared({ database: name }));
  }

  /** Drops the database, with the sessions in it. */
  async drop(): Promise<void> {
    await behind(`drop database ${this.name} with (force)`);
  }

  /** Returns how many sessions of the database run a text that contains `phrase`. */
  async active(phrase: string): Promise<number> {
    const rows = await behind(`select 1 from pg_stat_activity where datname = '${this.name}'
      and state = 'active' and query like '%${phrase}%'`);
    return rows.length;
  }
}
