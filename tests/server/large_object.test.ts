import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, InterfaceError, type Transaction } from "../../mod.ts";
import { withDatabase } from "../_kit/databases.ts";
import { assertUsable, failure } from "../_kit/outcomes.ts";
import { withoutUnhandled } from "../_kit/unhandled.ts";

/** Within a transaction that is rolled back, so that nothing is left. */
async function within(
  body: (tx: Transaction, db: Connection) => Promise<void>,
  options = {},
): Promise<void> {
  await withoutUnhandled(() =>
    withDatabase(async (db) => {
      const tx = await db.begin();
      await body(tx, db);
      await tx.rollback();
      await assertUsable(db);
    }, options)
  );
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("large object: reads and writes at the position", async () => {
  await within(async (tx) => {
    const oid = await tx.largeObjects.create();
    assert.ok(oid > 0);
    const object = await tx.largeObjects.open(oid, "rw");
    assert.equal(object.oid, oid);
    assert.deepEqual(await object.read(), new Uint8Array());
    await object.write("hello ");
    await object.write(new TextEncoder().encode("world"));
    assert.equal(await object.tell(), 11n);
    assert.equal(await object.seek(0), 0n);
    assert.equal(text(await object.read(5)), "hello");
    assert.equal(text(await object.read(100)), " world");
    assert.equal(await object.seek(-5, "end"), 6n);
    assert.equal(await object.seek(2n, "current"), 8n);
    await object.write("R");
    await object.seek(0);
    assert.equal(text(await object.read()), "hello woRld");
    assert.deepEqual(await object.read(0), new Uint8Array());
    await object.close();
    await object.close();
    assert.ok(await failure(object.read()) instanceof InterfaceError);
  });
});

test("large object: positions have 64 bits, and truncate cuts and extends", async () => {
  await within(async (tx) => {
    const object = await tx.largeObjects.open(await tx.largeObjects.create(), "rw");
    const far = 3n * 2n ** 40n;
    assert.equal(await object.seek(far), far);
    await object.write("far");
    assert.equal(await object.tell(), far + 3n);
    assert.equal(await object.seek(0, "end"), far + 3n);
    await object.truncate(2);
    await object.seek(0);
    assert.deepEqual(await object.read(), new Uint8Array(2));
    await object.truncate(5n);
    await object.seek(0);
    assert.deepEqual(await object.read(), new Uint8Array(5));
  });
});

test("large object: megabytes are copied in parts and through web streams", async () => {
  await within(async (tx) => {
    const data = Uint8Array.from({ length: 1_500_001 }, (_, i) => i * 7 + (i >> 9));
    const object = await tx.largeObjects.open(await tx.largeObjects.create(), "rw");
    await object.write(data);
    await object.seek(0);
    assert.deepEqual(await object.read(), data);

    await object.truncate(0);
    await object.seek(0);
    await new Blob([data]).stream().pipeTo(object.writable());
    assert.equal(await object.tell(), BigInt(data.length));
    await object.seek(0);
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of object.readable()) chunks.push(chunk);
    assert.deepEqual(new Uint8Array(await new Blob(chunks).arrayBuffer()), data);
  });
});

test("large object: is created with a given OID, and unlinked", async () => {
  await within(async (tx) => {
    const { largeObjects } = tx;
    const oid = await largeObjects.create();
    await largeObjects.unlink(oid);
    assert.equal(await largeObjects.create(oid), oid);
    await tx.savepoint(async (inner) => {
      assert.equal((await failure(inner.largeObjects.create(oid))).code, "23505");
      throw new Error("undo");
    }).catch(() => {});
    await largeObjects.unlink(oid);
    await tx.savepoint(async (inner) => {
      assert.equal((await failure(inner.largeObjects.open(oid, "r"))).code, "42704");
      throw new Error("undo");
    }).catch(() => {});
  });
});

test("large object: the mode is enforced, and bad arguments are refused before anything is sent", async () => {
  await within(async (tx) => {
    const oid = await tx.largeObjects.create();
    const mode = "a" as "r";
    assert.ok(await failure(tx.largeObjects.open(oid, mode)) instanceof InterfaceError);
    const object = await tx.largeObjects.open(oid, "r");
    const refused = [
      object.read(-1),
      object.read(NaN),
      object.seek(0, "middle" as "start"),
      object.write(7 as unknown as string),
    ];
    for (const one of refused) assert.ok(await failure(one) instanceof InterfaceError);
    assert.equal((await failure(object.write("x"))).code, "55000");
    await object[Symbol.asyncDispose]();
  });
});

test("large object: works under every policy for types", async () => {
  await within(async (tx) => {
    const object = await tx.largeObjects.open(await tx.largeObjects.create(), "rw");
    await object.write("abc");
    assert.equal(await object.seek(1), 1n);
    assert.equal(await object.tell(), 1n);
    assert.equal(text(await object.read()), "bc");
  }, { types: { int8: "string", numeric: "number", datetime: "string" }, rows: "array" });
});

test("large object: is closed when its transaction has ended", async () => {
  await withoutUnhandled(() =>
    withDatabase(async (db) => {
      const object = await db.transaction(async (tx) => {
        const oid = await tx.largeObjects.create();
        const opened = await tx.largeObjects.open(oid, "rw");
        await tx.largeObjects.unlink(oid);
        return opened;
      });
      assert.ok(await failure(object.read()) instanceof InterfaceError);
      await object[Symbol.asyncDispose]();
      await assertUsable(db);
    })
  );
});

const LONG = Uint8Array.from({ length: 2_000_000 }, (_, i) => i >> 8);

test("large object: operations that are not awaited run in order", async () => {
  await within(async (tx) => {
    const object = await tx.largeObjects.open(await tx.largeObjects.create(), "rw");
    const all = await Promise.all([
      object.write(LONG),
      object.tell(),
      object.seek(0),
      object.read(),
      object.seek(1),
      object.read(1),
      object.write(new Uint8Array(LONG.length)),
      object.seek(-1, "current"),
      object.close(),
    ]);
    const length = BigInt(LONG.length);
    // deno-fmt-ignore
    assert.deepEqual(all, [
      undefined, length, 0n, LONG, 1n, LONG.subarray(1, 2), undefined, length + 1n, undefined,
    ]);
  });
});
