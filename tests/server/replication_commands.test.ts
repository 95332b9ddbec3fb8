/** Replication commands, logical and physical streams, on each major version. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  connect,
  type ConnectOptions,
  InterfaceError,
  NotSupportedError,
  ProgrammingError,
} from "../../mod.ts";
import {
  connectReplication,
  Lsn,
  publications,
  type ReplicationConnection,
  ReplicationSetupError,
  SlotBusyError,
  SlotLostError,
  slots,
} from "../../src/replication/replication.ts";
import { failure } from "../_kit/outcomes.ts";
import { majors, serverQuery, sharedServer } from "../_kit/servers.ts";
import { inTime, until } from "../_kit/waiting.ts";

let made = 0;
/** A name for a slot, a table or a publication of one test. */
const fresh = (what: string) => `repl_${what}_${Date.now().toString(36)}_${++made}`;

for (const major of majors()) {
  const reach = async (): Promise<ConnectOptions> => {
    const { host, port } = await sharedServer(major);
    return { host, port, user: "postgres", database: "postgres", sslMode: "disable" };
  };
  const sql = async (text: string) => await serverQuery(await sharedServer(major), text);
  const logical = async () => await connectReplication({ ...await reach(), mode: "logical" });
  const physical = async () => await connectReplication({ ...await reach(), mode: "physical" });
  const positionNow = async (): Promise<Lsn> =>
    Lsn.parse((await sql("select pg_current_wal_flush_lsn()"))[0]![0]!);

  /** A table, a publication and a slot of the same name, and a connection for its stream. */
  const withSlot = async (
    body: (
      name: string,
      db: ReplicationConnection,
      options: Record<string, string>,
    ) => Promise<void>,
  ): Promise<void> => {
    const name = fresh("slot");
    await sql(`create table ${name} (id int primary key, x text)`);
    await sql(`create publication ${name} for table ${name}`);
    const db = await logical();
    try {
      await db.createSlot(name);
      await body(name, db, { proto_version: "1", publication_names: `"${name}"` });
    } finally {
      await db.close();
      const other = await logical();
      await other.dropSlot(name, { wait: true, timeout: 20 });
      await other.close();
      await sql(`drop publication ${name}; drop table ${name}`);
    }
  };

  describe(`replication commands (PostgreSQL ${major})`, () => {
    it("identifySystem(), show() and timelineHistory() of both kinds of connection", async () => {
      for (const db of [await logical(), await physical()]) {
        const { systemId, timeline, position, database } = await db.identifySystem();
        assert.match(systemId, /^\d{15,20}$/);
        assert.equal(timeline, 1);
        assert.ok(position.compare(Lsn.zero) > 0);
        assert.equal(database, db.mode === "logical" ? "postgres" : undefined);
        assert.equal(await db.show("wal_segment_size"), "1MB");
        assert.equal(
          await db.show("server_version_num"),
          (await sql("show server_version_num"))[0]![0],
        );
        const none = await failure(db.timelineHistory(1));
        assert.equal((none as { code?: string }).code, "58P01");
        await failure(db.timelineHistory(0), InterfaceError);
        await db.close();
      }
    });

    it("createSlot() takes every option, and a slot is what it was asked to be", async () => {
      const db = await logical();
      const other = await connect(await reach());
      const plain = await db.createSlot(fresh("a"), { temporary: true });
      assert.equal(plain.snapshot, undefined);
      assert.equal(plain.plugin, "pgoutput");
      const two = await db.createSlot(fresh("b"), {
        plugin: "test_decoding",
        temporary: true,
        twoPhase: major >= 15,
      });
      if (major < 15) await failure(db.createSlot("e", { twoPhase: true }), NotSupportedError);
      const phys = await db.createSlot(fresh("c"), {
        kind: "physical",
        temporary: true,
        reserveWal: true,
      });
      const found = await slots.get(other, two.name);
      assert.deepEqual(
        [found?.kind, found?.plugin, found?.twoPhase, found?.temporary, found?.activePid],
        ["logical", "test_decoding", major >= 15, true, db.processId],
      );
      assert.equal(found?.confirmed?.compare(two.consistentPoint), 0);
      assert.notEqual((await slots.get(other, phys.name))?.restart, undefined);
      const failover = db.createSlot(fresh("d"), { failover: true });
      if (major < 17) {
        assert.match(
          (await failure(failover, NotSupportedError)).message,
          /failover needs PostgreSQL 17/,
        );
      } else {
        const { name } = await failover;
        assert.equal((await slots.get(other, name))?.failover, true);
        await db.alterSlot(name, { failover: false });
        assert.equal((await slots.get(other, name))?.failover, false);
        if (major >= 18) await db.alterSlot(name, { twoPhase: true });
        else await failure(db.alterSlot(name, { twoPhase: true }), NotSupportedError);
        await db.dropSlot(name);
      }
      await db.close();
      await until(async () => await slots.get(other, two.name) === undefined);
      await other.close();
    });

    it("an exported snapshot shows the moment at which the slot begins, until the next command", async () => {
      await withSlot(async (name, db) => {
        await sql(`insert into ${name} values (1, 'before')`);
        const slot = await db.createSlot(fresh("s"), { temporary: true, snapshot: "export" });
        await sql(`insert into ${name} values (2, 'after')`);
        await using other = await connect(await reach());
        const seen = await other.transaction(async (tx) => {
          await tx.query(`set transaction snapshot '${slot.snapshot}'`);
          return [...await tx.query(`select id from ${name}`)];
        }, { isolation: "repeatable read", readOnly: true } as never);
        assert.deepEqual(seen, [{ id: 1 }]);
        await db.identifySystem();
        const late = other.transaction(
          (tx) => tx.query(`set transaction snapshot '${slot.snapshot}'`),
          { isolation: "repeatable read" } as never,
        );
        assert.match((await failure(late)).message, /snapshot/);
      });
    });

    it("a snapshot that is used is read by sql() on the same connection", async () => {
      await withSlot(async (name, db) => {
        await sql(`insert into ${name} values (1, 'before')`);
        await db.sql("begin isolation level repeatable read read only");
        await db.createSlot(fresh("u"), { temporary: true, snapshot: "use" });
        await sql(`insert into ${name} values (2, 'after')`);
        const [rows] = await db.sql(`select id, x from ${name}`);
        assert.deepEqual([...rows!], [{ id: 1, x: "before" }]);
        await db.sql("commit");
      });
    });

    it("sql() runs several statements, and leaves values of unknown types as text", async () => {
      const type = fresh("mood");
      await sql(`create type ${type} as enum ('fine')`);
      const db = await logical();
      const results = await db.sql(`select 'fine'::${type} as m, 7::int8 as n; select now() as at`);
      assert.deepEqual([...results[0]!], [{ m: "fine", n: 7n }]);
      assert.ok(results[1]![0]!.at instanceof Date);
      await db.close();
      await sql(`drop type ${type}`);
      const other = await physical();
      assert.match(
        (await failure(other.sql("select 1"), InterfaceError)).message,
        /mode: "logical"/,
      );
      await other.close();
    });

    it("readSlot() of physical slots, of none, and of a logical one", async () => {
      const db = await physical();
      const name = fresh("p");
      await db.createSlot(name, { kind: "physical", temporary: true, reserveWal: true });
      if (major < 15) await failure(db.readSlot(name), NotSupportedError);
      else {
        const found = await db.readSlot(name);
        assert.equal(found?.timeline, 1);
        assert.ok(found!.restart!.compare(Lsn.zero) > 0);
        assert.equal(await db.readSlot(fresh("none")), undefined);
      }
      await db.close();
    });

    it("names of slots, positions and options are checked before anything is sent", async () => {
      const db = await logical();
      for (const name of ["", "A", "a b", 'a"', "a".repeat(64), "ä"]) {
        await failure(db.createSlot(name), InterfaceError);
        await failure(db.startLogical(name), InterfaceError);
        await failure(db.dropSlot(name), InterfaceError);
      }
      await failure(db.startLogical("a", { from: "0/0" as never }), InterfaceError);
      await failure(db.startLogical("a", { windowBytes: 0 }), InterfaceError);
      await failure(db.alterSlot("a", {}), InterfaceError);
      await failure(db.createSlot("a", { snapshot: "yes" as never }), InterfaceError);
      await failure(
        connectReplication({ ...await reach(), mode: "both" as never }),
        InterfaceError,
      );
      assert.equal((await db.identifySystem()).timeline, 1);
      await db.close();
    });

    it("a logical stream sends what was not confirmed again, whole, and nothing that was", async () => {
      await withSlot(async (name, db, options) => {
        await sql(`insert into ${name} values (1, 'one'); insert into ${name} values (2, 'two')`);
        await sql(`insert into ${name} values (3, 'three'), (4, 'four')`);
        const first = await db.startLogical(name, { options });
        const tags: string[] = [];
        let end = Lsn.zero;
        for await (const { start, data } of first) {
          tags.push(String.fromCharCode(data[0]!));
          if (tags.at(-1) !== "C") continue;
          if (end.value === 0n) first.status({ flushed: end = start, reply: true });
          else break;
        }
        assert.deepEqual(tags.slice(0, 4), ["B", "R", "I", "I"]);
        await until(async () => {
          const [row] = await sql(
            `select confirmed_flush_lsn from pg_replication_slots where slot_name = '${name}'`,
          );
          return row![0] === String(end);
        });
        const again = await logical();
        let texts = "";
        for await (const { data } of await again.startLogical(name, { options })) {
          texts += new TextDecoder("latin1").decode(data);
          if (data[0] === 0x43) break;
        }
        await again.close();
        assert.ok(!texts.includes("one") && texts.includes("three") && texts.includes("four"));
      });
    });

    it("pain 21: stop() amid a huge transaction frees the connection; a second start is refused by name", async () => {
      await withSlot(async (name, db, options) => {
        await sql(`insert into ${name} select i, 'x' from generate_series(1, 300000) i`);
        const stream = await db.startLogical(name, { options });
        let count = 0;
        for await (const _ of stream) if (++count === 1000) break;
        const again = await failure(db.startLogical(name, { options }), InterfaceError);
        assert.match(again.message, /one logical stream; open another one/);
        assert.equal((await db.sql("select 1 as n"))[0]![0]!.n, 1);
        const other = await logical();
        const rest = await other.startLogical(name, { options });
        for await (const _ of rest) break;
        assert.ok(await inTime(other.close(), 10));
      });
    });

    it("pain 14: a position ahead of what was received is refused", async () => {
      await withSlot(async (name, db, options) => {
        const stream = await db.startLogical(name, { options });
        const ahead = new Lsn((await positionNow()).value + (1n << 30n));
        assert.throws(() => stream.status({ flushed: ahead }), InterfaceError);
        await stream.stop();
      });
    });

    it("a physical stream has the bytes of the WAL, and can be started again", async () => {
      const db = await physical();
      for (let i = 0; i < 2; i++) {
        const from = new Lsn((await positionNow()).value & ~0xfffffn);
        const stream = await db.startPhysical({ from, timeline: 1 });
        const marker = fresh("marker");
        await sql(`select pg_logical_emit_message(false, 'm', '${marker}')`);
        let [text, next] = ["", from.value];
        for await (const { start, data } of stream) {
          assert.equal(start.value, next, "no gap");
          next += BigInt(data.length);
          text += new TextDecoder("latin1").decode(data);
          stream.status({ flushed: new Lsn(next) });
          stream.feedback({ xmin: 0, epoch: 0, catalogXmin: 0, catalogEpoch: 0 });
          if (text.includes(marker)) break;
        }
        assert.equal(await stream.nextTimeline, undefined);
      }
      const ahead = new Lsn((await positionNow()).value + (1n << 32n));
      const late = await db.startPhysical({ from: ahead });
      const error = await failure((async () => {
        for await (const _ of late) { /* nothing */ }
      })());
      assert.match(error.message, /ahead of the WAL flush position/);
      assert.equal((await db.identifySystem()).timeline, 1);
      await db.close();
    });

    it("a slot that cannot be used is refused with a typed error that says what to do", async () => {
      await withSlot(async (name, db, options) => {
        const missing = await failure(db.startLogical("repl_none", { options }), SlotLostError);
        assert.deepEqual([missing.slot, missing.reason], ["repl_none", "missing"]);
        const kind = fresh("kind");
        await db.createSlot(kind, { kind: "physical" });
        const wrong = await failure(db.startLogical(kind, { options }), ReplicationSetupError);
        assert.equal(wrong.problem, "kind");
        await db.dropSlot(kind);
        const elsewhere = await connectReplication({ ...await reach(), database: "template1" });
        const other = await failure(
          elsewhere.startLogical(name, { options }),
          ReplicationSetupError,
        );
        assert.equal(other.problem, "database");
        assert.match(other.message, /connect to database "postgres"/);
        await elsewhere.close();
        const stream = await db.startLogical(name, { options });
        const second = await logical();
        const busy = await failure(second.startLogical(name, { options }), SlotBusyError);
        assert.equal(busy.pid, db.processId);
        assert.equal((await failure(second.dropSlot(name), SlotBusyError)).pid, db.processId);
        await second.close();
        await stream.stop();
      });
      const db = await logical();
      await failure(db.dropSlot("repl_none"), ProgrammingError);
      await db.close();
      const role = connectReplication({ ...await reach(), user: "u_trust" });
      assert.equal((await failure(role, ReplicationSetupError)).problem, "permission");
    });

    it("slots over an ordinary connection: list, create, advance, copy, drop, ready", async () => {
      await using db = await connect(await reach());
      const [a, b, c] = [fresh("a"), fresh("b"), fresh("c")] as const;
      const start = await slots.create(db, a, { plugin: "test_decoding", twoPhase: true });
      await slots.create(db, b, { kind: "physical", reserveWal: true });
      await sql("select pg_logical_emit_message(true, 'x', 'y')");
      const to = await positionNow();
      assert.ok((await slots.advance(db, a, to)).compare(start) > 0, `${start} to ${to}`);
      const copied = await slots.copy(db, a, c);
      const listed = (await slots.list(db)).filter(({ name }) => [a, b, c].includes(name));
      assert.deepEqual(listed.map(({ name, kind, plugin }) => [name, kind, plugin]), [
        [a, "logical", "test_decoding"],
        [b, "physical", undefined],
        [c, "logical", "test_decoding"],
      ]);
      assert.equal(listed[2]!.confirmed?.compare(copied), 0);
      assert.ok(listed.every(({ behind, retained }) => behind >= 0n && retained >= behind));
      const back = await failure(slots.advance(db, a, start));
      assert.equal((back as { code?: string }).code, "55000");
      await failure(slots.advance(db, "repl_none", to), SlotLostError);
      await failure(slots.copy(db, "repl_none", "repl_other"), SlotLostError);
      await failure(slots.create(db, a), ProgrammingError);
      if (major < 17) await failure(slots.ready(db, a), NotSupportedError);
      else assert.equal(await slots.ready(db, a), false);
      for (const name of [a, b, c]) assert.equal(await slots.drop(db, name), true);
      assert.equal(await slots.drop(db, a), false);
      assert.equal(await slots.get(db, a), undefined);
    });

    it("publications over an ordinary connection: create, alter, list, tables, missing, drop", async () => {
      await using db = await connect(await reach());
      const [p, t, u] = [fresh("p"), fresh("t"), `${fresh("u")}.with dot`] as const;
      await sql(
        `create table ${t} (id int primary key, secret text); create table "${u}" (id int)`,
      );
      const part = major >= 15 ? { columns: ["id"], where: "id > 3" } : {};
      await publications.create(db, p, {
        tables: [{ table: t, ...part }],
        publish: ["insert", "delete"],
        viaRoot: true,
      });
      const info = (await publications.list(db)).find(({ name }) => name === p);
      assert.deepEqual(
        [info?.owner, info?.allTables, info?.publish, info?.viaRoot],
        ["postgres", false, ["insert", "delete"], true],
      );
      const [table] = await publications.tables(db, p);
      assert.deepEqual([table!.publication, table!.schema, table!.table], [p, "public", t]);
      if (major >= 15) {
        assert.deepEqual(table!.columns, ["id"]);
        assert.equal(table!.where, "(id > 3)");
      }
      await publications.alter(db, p, { add: { tables: [["public", u]] }, publish: ["insert"] });
      assert.equal((await publications.tables(db, [p])).length, 2);
      await publications.alter(db, p, { drop: { tables: [["public", u]] } });
      await publications.alter(db, p, { set: { tables: [`public.${t}`] } });
      assert.equal((await publications.tables(db, [p])).length, 1);
      assert.deepEqual(await publications.missing(db, [p, "repl_x", "repl_y"]), [
        "repl_x",
        "repl_y",
      ]);
      await failure(publications.alter(db, p, { add: {}, drop: {} }), InterfaceError);
      await failure(publications.create(db, p, { publish: ["select" as never] }), InterfaceError);
      await failure(publications.create(db, p, {}), ProgrammingError);
      await publications.drop(db, p);
      const gone = [
        publications.drop(db, p),
        publications.tables(db, p),
        publications.alter(db, p, { viaRoot: true }),
      ];
      for (const one of gone) assert.equal((await failure(one)).name, "PublicationMissingError");
      await sql(`drop table ${t}, "${u}"`);
    });
  });
}
