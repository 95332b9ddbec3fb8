/**
 * The server that examples meet: user `myuser` with password `mypassword`, database `mydb`, a few
 * tables, the same before each example. Addresses and files that examples name stand for its own.
 */
import process from "node:process";
import { certificates } from "../_kit/certs.ts";
import { type Cluster, startCluster } from "../_kit/cluster.ts";

/** The tables that every example finds in `mydb`. */
const TABLES = `
  drop publication if exists shop;
  drop schema if exists public cascade;
  create schema public;
  create table users (
    id int generated always as identity primary key,
    name text not null,
    email text unique
  );
  insert into users (name, email) values
    ('Ada', 'ada@example.com'), ('Grace', 'grace@example.com'), ('Edsger', null);
  create table accounts (id int primary key, balance numeric(12, 2) not null check (balance >= 0));
  insert into accounts values (1, 100.00), (2, 0.00);
  create table book (id int generated always as identity primary key, title text);
  insert into book (title) values ('Ender''s Game'), ('The Magus');
`;

/** A server for examples; the caller must `stop()` it. */
export class Playground {
  readonly #cluster: Cluster;
  readonly #standIns: ReadonlyMap<string, string>;

  private constructor(cluster: Cluster, standIns: ReadonlyMap<string, string>) {
    this.#cluster = cluster;
    this.#standIns = standIns;
  }

  /** Starts it. */
  static async start(): Promise<Playground> {
    const cluster = await startCluster();
    await cluster.query("create role myuser login replication password 'mypassword'");
    await cluster.query("create database mydb owner myuser");
    const { ca } = await certificates();
    const standIns = new Map([
      ["db1.example.com", "localhost"],
      ["db2.example.com", "127.0.0.1"],
      ["db.example.com", "localhost"],
      ["/etc/ssl/db-root.crt", ca.certPath],
      ["/run/postgresql/.s.PGSQL.5432", cluster.socketPath],
      ["/run/postgresql", cluster.socketDirectory],
      ["port: 5432", `port: ${cluster.port}`],
    ]);
    return new Playground(cluster, standIns);
  }

  /** A text with the server's own addresses and files in place of the examples'. */
  resolve(text: string): string {
    for (const [name, real] of this.#standIns) text = text.replaceAll(name, real);
    return text;
  }

  /** Ends the connections that the last example left open, and recreates all tables. */
  async reset(): Promise<void> {
    await this.#cluster.query(
      "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'myuser'",
    );
    await this.#cluster.query(
      "select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active",
    );
    // A prepared transaction keeps its locks.
    for (const [gid] of await this.#cluster.query("select gid from pg_prepared_xacts")) {
      await this.#cluster.query(`rollback prepared '${gid}'`, "mydb");
    }
    await this.#cluster.query(`set role myuser; ${TABLES}`, "mydb");
  }

  /** The environment for a program that connects. */
  environment(): Record<string, string> {
    return {
      PGHOST: "localhost",
      PGPORT: String(this.#cluster.port),
      PGUSER: "myuser",
      PGPASSWORD: "mypassword",
      PGDATABASE: "mydb",
      PGSSLROOTCERT: this.resolve("/etc/ssl/db-root.crt"),
      TOUR_SOCKET: this.#cluster.socketPath,
    };
  }

  /** Runs `body` while this process's own environment is that; only one at a time. */
  async within<T>(body: () => Promise<T>): Promise<T> {
    const before = { ...process.env };
    for (const name of Object.keys(before)) if (name.startsWith("PG")) delete process.env[name];
    const environment = this.environment();
    Object.assign(process.env, environment);
    try {
      return await body();
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
      Object.assign(process.env, before);
    }
  }

  /** Stops the server and removes it. */
  stop(): Promise<void> {
    return this.#cluster.stop();
  }
}
