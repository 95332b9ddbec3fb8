import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { test } from "node:test";
import fc from "fast-check";
import type { Scram } from "../../src/auth/scram.ts";
import { OperationalError, PgError, ProtocolError } from "../../src/errors/errors.ts";
import { base64, bytes, client, RFC_7677 } from "./auth_scram.ts";

test("hostile server: every malformed server-first-message is a ProtocolError naming the step", async () => {
  const nonce = "rOprNGfwEbeRWgbNEkqO";
  const good = `r=${nonce}x,s=c2FsdA==,i=4096`;
  await begun().clientFinal(bytes(good));
  const cases: [string, string, RegExp][] = [
    ["empty", "", /printable ASCII/],
    ["a zero byte", `${good}\0`, /printable ASCII/],
    ["not ASCII", `r=${nonce}\u00e9,s=c2FsdA==,i=4096`, /printable ASCII/],
    ["endless", `r=${nonce}${"x".repeat(5000)},s=c2FsdA==,i=4096`, /printable ASCII/],
    ["another nonce", "r=abcdefghijklmnopqrstuvwx,s=c2FsdA==,i=4096", /nonce/],
    ["our nonce alone", `r=${nonce},s=c2FsdA==,i=4096`, /nonce/],
    ["our nonce cut short", `r=${nonce.slice(0, -1)},s=c2FsdA==,i=4096`, /nonce/],
    ["our nonce at the end", `r=x${nonce},s=c2FsdA==,i=4096`, /nonce/],
    ["no nonce", "s=c2FsdA==,i=4096", /"r" expected/],
    ["no salt", `r=${nonce}x,i=4096`, /"s" expected/],
    ["no iteration count", `r=${nonce}x,s=c2FsdA==`, /"i" expected/],
    ["another order", `s=c2FsdA==,r=${nonce}x,i=4096`, /"r" expected/],
    ["an empty salt", `r=${nonce}x,s=,i=4096`, /salt/],
    ["a salt without padding", `r=${nonce}x,s=c2FsdA,i=4096`, /salt/],
    ["a salt of other letters", `r=${nonce}x,s=c2F_dA==,i=4096`, /salt/],
    ["iteration count 0", `r=${nonce}x,s=c2FsdA==,i=0`, /iteration count/],
    ["iteration count -1", `r=${nonce}x,s=c2FsdA==,i=-1`, /iteration count/],
    ["iteration count 1e3", `r=${nonce}x,s=c2FsdA==,i=1e3`, /iteration count/],
    ["iteration count 0x10", `r=${nonce}x,s=c2FsdA==,i=0x10`, /iteration count/],
    ["iteration count absent", `r=${nonce}x,s=c2FsdA==,i=`, /iteration count/],
    [
      "iteration count 10000001",
      `r=${nonce}x,s=c2FsdA==,i=10000001`,
      /more than 10000000 iterations/,
    ],
    [
      "iteration count huge",
      `r=${nonce}x,s=c2FsdA==,i=${"9".repeat(400)}`,
      /more than 10000000 iterations/,
    ],
    ["a mandatory extension", `m=x,${good}`, /extension/],
    ["extra data", `${good},x=y`, /data after/],
    ["a trailing comma", `${good},`, /data after/],
    ["an error", "e=unknown-user", /"r" expected/],
    ["the final message", RFC_7677.serverFinal, /"r" expected/],
  ];
  for (const [name, message, reason] of cases) {
    await assert.rejects(begun().clientFinal(bytes(message)), (error: Error) => {
      assert.equal(error.constructor, ProtocolError, name);
      assert.match(error.message, reason, name);
      assert.match(error.message, /server-first-message/, name);
      return true;
    });
  }
});

test("hostile server: every malformed server-final-message is a ProtocolError", async () => {
  const zeros = "A".repeat(43) + "=";
  const cases: [string, string, RegExp][] = [
    ["empty", "", /printable ASCII/],
    ["no signature", "x=y", /"v" expected/],
    ["an empty signature", "v=", /32 bytes/],
    ["a short signature", `v=${zeros.slice(4)}`, /32 bytes/],
    ["a long signature", `v=AAAA${zeros}`, /32 bytes/],
    ["not base64", `v=${"%".repeat(44)}`, /32 bytes/],
    ["extra data", `${RFC_7677.serverFinal},x=y`, /data after/],
    ["a zero byte", `${RFC_7677.serverFinal}\0`, /printable ASCII/],
  ];
  for (const [name, message, reason] of cases) {
    const scram = await answered();
    assert.throws(() => scram.verify(bytes(message)), (error: Error) => {
      assert.equal(error.constructor, ProtocolError, name);
      assert.match(error.message, reason, name);
      return true;
    });
    assert.throws(() => scram.accept(), ProtocolError, name);
  }
});

test("hostile server: a wrong signature is an OperationalError, and success is refused", async () => {
  const right = base64(RFC_7677.serverFinal.slice(2));
  for (let i = 0; i < right.length; i++) {
    const scram = await answered();
    const wrong = Buffer.from(right.with(i, right[i]! ^ 1)).toString("base64");
    assert.throws(() => scram.verify(bytes(`v=${wrong}`)), (error: Error) => {
      assert.equal(error.constructor, OperationalError);
      assert.equal((error as OperationalError).code, "28P01");
      return true;
    });
    assert.throws(() => scram.accept(), ProtocolError);
    assert.throws(() => scram.verify(bytes(RFC_7677.serverFinal)), ProtocolError);
  }
});

test("hostile server: a reported error is an OperationalError with the token and nothing else", async () => {
  const cases: [string, string, string][] = [
    ["e=invalid-proof", "invalid-proof", "28P01"],
    ["e=other-error", "other-error", "28000"],
    ["e=channel-binding-not-supported", "channel-binding-not-supported", "28000"],
    ["e=other-error,x=y", "other-error", "28000"],
    ["e=<script>", "unknown", "28000"],
    ["e=", "unknown", "28000"],
  ];
  for (const [message, token, code] of cases) {
    const scram = await answered();
    assert.throws(() => scram.verify(bytes(message)), {
      name: "OperationalError",
      code,
      message: `the server reports a failed SCRAM login: ${token}`,
    });
    assert.throws(() => scram.accept(), ProtocolError);
  }
});

test("hostile server: success without a verified signature is refused at every step", async () => {
  const verified = await answered();
  verified.verify(bytes(RFC_7677.serverFinal));
  verified.accept();
  for (const early of [client(), begun(), await answered(), verified]) {
    assert.throws(() => early.accept(), {
      name: "ProtocolError",
      code: "08P01",
      message: /success before it has proved/,
    });
  }
});

test("hostile server: messages out of turn are a ProtocolError", async () => {
  const outOfTurn = { name: "ProtocolError", message: /out of order/ };
  assert.throws(() => begun().clientFirst(), outOfTurn);
  assert.throws(() => begun().verify(bytes(RFC_7677.serverFinal)), outOfTurn);
  await assert.rejects(client().clientFinal(bytes(RFC_7677.serverFirst)), outOfTurn);
  await assert.rejects((await answered()).clientFinal(bytes(RFC_7677.serverFirst)), outOfTurn);
  const busy = begun();
  const answer = busy.clientFinal(bytes(RFC_7677.serverFirst));
  assert.throws(() => busy.verify(bytes(RFC_7677.serverFinal)), outOfTurn);
  await assert.rejects(busy.clientFinal(bytes(RFC_7677.serverFirst)), outOfTurn);
  await answer;
});

test("hostile server: any bytes at any step give an answer or a typed error", async () => {
  const start = `r=rOprNGfwEbeRWgbNEkqO`;
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.array(
      fc.constantFrom(start, "x", ",", "s=", "c2FsdA==", "i=", "5", "m=", "v=", "e=", "=", "\0"),
    )
      .map((parts) => bytes(parts.join(""))),
  );
  await fc.assert(
    fc.asyncProperty(message, async (message) => {
      const done = await answered();
      for (const step of [() => begun().clientFinal(message), () => done.verify(message)]) {
        try {
          await step();
        } catch (error) {
          assert.ok(error instanceof PgError, inspect(error));
        }
      }
      assert.throws(() => done.accept(), ProtocolError);
    }),
    { numRuns: 200 },
  );
});

test("secrets: neither inspecting the exchange nor its errors shows the password", async () => {
  const scram = client({ secret: "sesame", user: "scott" });
  scram.clientFirst();
  await scram.clientFinal(bytes(RFC_7677.serverFirst));
  let shown = inspect(scram, { depth: 9, showHidden: true }) + JSON.stringify(scram);
  try {
    scram.verify(bytes(RFC_7677.serverFinal));
  } catch (error) {
    shown += inspect(error);
  }
  assert.match(shown, /OperationalError/);
  assert.ok(!shown.includes("sesame"));
  assert.ok(!shown.includes(String(Array.from(bytes("sesame")))));
});

function begun(): Scram {
  const scram = client({ user: "user" });
  scram.clientFirst();
  return scram;
}

async function answered(): Promise<Scram> {
  const scram = begun();
  await scram.clientFinal(bytes(RFC_7677.serverFirst));
  return scram;
}
