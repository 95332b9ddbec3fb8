import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { inspect } from "node:util";
import { test } from "node:test";
import fc from "fast-check";
import { Scram, type ScramOptions } from "../../src/auth/scram.ts";
import {
  InterfaceError,
  NotSupportedError,
  OperationalError,
  PgError,
  ProtocolError,
} from "../../src/errors/errors.ts";

const BOTH = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];
const PLAIN = ["SCRAM-SHA-256"];
const END_POINT = Uint8Array.from({ length: 32 }, (_, i) => i * 7);
const RFC_7677 = {
  random: base64("rOprNGfwEbeRWgbNEkqO"),
  serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

function base64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** SASLprep leaves such bytes alone. */
function notUtf8(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(0xff, ...bytes);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function client(options: Partial<ScramOptions> = {}): Scram {
  return new Scram({
    mechanisms: PLAIN,
    secret: "pencil",
    channelBinding: "prefer",
    tls: false,
    endPoint: undefined,
    random: RFC_7677.random,
    ...options,
  });
}

/** The server's half, from RFC 5802 and with other tools than the client's. */
class Server {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
  #first = "";
  #bare = "";
  #header = "";

  constructor(salt: Uint8Array, iterations: number, storedKey: Buffer, serverKey: Buffer) {
    this.salt = Buffer.from(salt);
    this.iterations = iterations;
    this.storedKey = storedKey;
    this.serverKey = serverKey;
  }

  static forPassword(password: string | Uint8Array, salt: Uint8Array, iterations: number): Server {
    const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
    const storedKey = createHash("sha256").update(mac(salted, "Client Key")).digest();
    return new Server(salt, iterations, storedKey, mac(salted, "Server Key"));
  }

  /** Reads the part of `pg_authid.rolpassword` after mechanism and iteration count. */
  static forSecret(secret: string): Server {
    const [salt, storedKey, serverKey] = secret.split(/[$:]/).map((part) =>
      Buffer.from(part, "base64")
    );
    return new Server(salt!, 4096, storedKey!, serverKey!);
  }

  first(clientFirst: Uint8Array, nonce = "3rfcNHYJY1ZVvWVs7j"): Uint8Array {
    const [, header, bare] = /^((?:n|y|p=[a-z-]+),,)(n=.*)$/.exec(text(clientFirst))!;
    this.#header = header!;
    this.#bare = bare!;
    const clientNonce = /r=([^,]+)$/.exec(bare!)![1];
    this.#first = `r=${clientNonce}${nonce},s=${this.salt.toString("base64")},i=${this.iterations}`;
    return bytes(this.#first);
  }

  /** `undefined` when the client's proof or channel binding is wrong. */
  final(clientFinal: Uint8Array, endPoint: Uint8Array = new Uint8Array(0)): Uint8Array | undefined {
    const [, withoutProof, binding, proof] = /^(c=([^,]+),r=[^,]+),p=(.+)$/.exec(
      text(clientFinal),
    )!;
    const signed = `${this.#bare},${this.#first},${withoutProof}`;
    const signature = mac(this.storedKey, signed);
    const clientKey = Buffer.from(proof!, "base64").map((byte, i) => byte ^ signature[i]!);
    const bound = Buffer.concat([Buffer.from(this.#header), endPoint]);
    if (!Buffer.from(binding!, "base64").equals(bound)) return undefined;
    if (!createHash("sha256").update(clientKey).digest().equals(this.storedKey)) return undefined;
    return bytes(`v=${mac(this.serverKey, signed).toString("base64")}`);
  }
}

function mac(key: Uint8Array, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

test("scram: the exchange of RFC 7677", async () => {
  const scram = client({ user: "user" });
  assert.equal(scram.mechanism, "SCRAM-SHA-256");
  assert.equal(text(scram.clientFirst()), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  assert.equal(
    text(await scram.clientFinal(bytes(RFC_7677.serverFirst))),
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  );
  scram.verify(bytes(RFC_7677.serverFinal));
  scram.accept();
});

test("scram: names are escaped as RFC 5802 asks, and empty unless given", () => {
  assert.equal(text(client().clientFirst()), "n,,n=,r=rOprNGfwEbeRWgbNEkqO");
  assert.match(text(client({ user: "a=b,c" }).clientFirst()), /n=a=3Db=2Cc,/);
});

test("scram: secrets that PostgreSQL 18.4 stored accept the passwords they were made from", async () => {
  const stored: [string, string][] = [
    [
      "pencil",
      "U9V1VdhZCyXSGcpdMjn9Cw==$lpxF6hV0eJvBLvabU15WTyeJSOnLpDfZ2mFZ5oaLLdg=:" +
      "gTA4kq6KkFKdzSuA3EjqtxtHuZ3X5tLROrvBNIO0IlM=",
    ],
    [
      "\u2168",
      "JZ0ZQhjaMw6rfUpwZOQEXQ==$2Ch5ePqDRB6lWU+arJir7PKrpEKC2ZGiPQ55KU9PMFY=:" +
      "KArsD3FkhY1V3uUxfTpkD2JcKirw4iqNlhTCZk+iy/c=",
    ],
    [
      "IX",
      "5G4UpbNI0g7m3aTehiq+AA==$rKOUDQ633L20FRU+6WsfaK7Rf0L0XxZQebsJ8ygWwl0=:" +
      "CGHuWGbpR6tsq3yQ0ITlMKe63TGQ+eumT5WaOZtpQ7c=",
    ],
    [
      "e\u0301\u0340",
      "7+vFwJIfaz8nhRCQ/qa7vg==$Rw3XBbh/tGyPdnLc6YoQ/ADpQz+/z3IBH6JtqbGh+34=:" +
      "OyE6oFACrBDzhAxs5EgZu1/ATkw0nn6AMq87qzM5TxU=",
    ],
    [
      "p\u00E4ss w\u00F6rd",
      "EOb9M0x6IZ6z1D4qZwpAJg==$bHJHjB7S+fRGqkLsjJkP/vCsIQz1JzI9cINGHsvR334=:" +
      "u9PkxDZ5bmgKCba4xnuEf9fI/z0wEDS1/Gm9bmQKOeo=",
    ],
    [
      "\u0627\u0031",
      "ISqIRF8G9PDERmWgnlGcmQ==$hs/0alEySbij6MZvGGKhKRZxM8rV3CZ/HcNULPdRbTE=:" +
      "4EM5R4kWENsvxuDg2gcd73wiZD/jd/juLh2VySH0W9E=",
    ],
    [
      "\u{1F418}",
      "7I51gziUKGtef/r8ISNzhQ==$kQ+eLTNfLUgPn6mZUFqXmZHSefxxkYa65DZKwWOFeMg=:" +
      "gpPeVJBs0gET561OsbcHUUCoGIFXTWMKDzFUksswmZo=",
    ],
  ];
  for (const [password, secret] of stored) {
    const server = Server.forSecret(secret);
    const scram = client({ secret: password });
    const final = server.final(await scram.clientFinal(server.first(scram.clientFirst())));
    assert.ok(final, password);
    scram.verify(final);
    scram.accept();
  }
});

test("scram: any password, salt, count, nonce and binding agrees with another implementation", async () => {
  const input = fc.record({
    password: fc.oneof(fc.stringMatching(/^[\x20-\x7e]+$/), fc.uint8Array({ min: 1 }).map(notUtf8)),
    salt: fc.uint8Array({ minLength: 1 }),
    iterations: fc.integer({ min: 1, max: 50 }),
    nonce: fc.stringMatching(/^[\x21-\x2b\x2d-\x7e]+$/),
    random: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    endPoint: fc.option(fc.uint8Array({ minLength: 32, maxLength: 64 }), { nil: undefined }),
    mechanisms: fc.constantFrom(BOTH, PLAIN),
  });
  await fc.assert(
    fc.asyncProperty(input, async ({ password, salt, iterations, nonce, ...options }) => {
      const server = Server.forPassword(password, salt, iterations);
      const scram = client({ ...options, secret: password, tls: true });
      const answer = await scram.clientFinal(server.first(scram.clientFirst(), nonce));
      const bound = scram.mechanism === "SCRAM-SHA-256-PLUS";
      assert.equal(bound, options.mechanisms === BOTH && options.endPoint !== undefined);
      const final = server.final(answer, bound ? options.endPoint : undefined);
      assert.ok(final);
      scram.verify(final);
      scram.accept();
    }),
  );
});

test("scram: a wrong password, or another certificate, does not convince the server", async () => {
  const server = Server.forPassword("pencil", END_POINT, 10);
  const wrong = client({ secret: "pencils" });
  assert.equal(server.final(await wrong.clientFinal(server.first(wrong.clientFirst()))), undefined);

  const bound = client({ mechanisms: BOTH, tls: true, endPoint: END_POINT });
  const answer = await bound.clientFinal(server.first(bound.clientFirst()));
  assert.equal(server.final(answer, END_POINT.with(0, 1)), undefined);
  assert.ok(server.final(answer, END_POINT));
});

test("channel binding: offer, policy, TLS and certificate decide mechanism and header", () => {
  const cases: [Partial<ScramOptions>, string, string][] = [
    [
      { mechanisms: BOTH, tls: true, endPoint: END_POINT },
      "SCRAM-SHA-256-PLUS",
      "p=tls-server-end-point,,",
    ],
    [
      { mechanisms: BOTH, tls: true, endPoint: END_POINT, channelBinding: "require" },
      "SCRAM-SHA-256-PLUS",
      "p=tls-server-end-point,,",
    ],
    [
      { mechanisms: ["SCRAM-SHA-256-PLUS"], tls: true, endPoint: END_POINT },
      "SCRAM-SHA-256-PLUS",
      "p=tls-server-end-point,,",
    ],
    [
      { mechanisms: BOTH, tls: true, endPoint: END_POINT, channelBinding: "disable" },
      "SCRAM-SHA-256",
      "n,,",
    ],
    [{ mechanisms: PLAIN, tls: true, endPoint: END_POINT }, "SCRAM-SHA-256", "y,,"],
    [
      { mechanisms: PLAIN, tls: true, endPoint: END_POINT, channelBinding: "disable" },
      "SCRAM-SHA-256",
      "n,,",
    ],
    [{ mechanisms: BOTH, tls: true }, "SCRAM-SHA-256", "n,,"],
    [{ mechanisms: PLAIN, tls: true }, "SCRAM-SHA-256", "n,,"],
    [{ mechanisms: PLAIN }, "SCRAM-SHA-256", "n,,"],
    [{ mechanisms: PLAIN, endPoint: END_POINT }, "SCRAM-SHA-256", "n,,"],
    [{ mechanisms: ["OAUTHBEARER", "SCRAM-SHA-256"] }, "SCRAM-SHA-256", "n,,"],
  ];
  for (const [options, mechanism, header] of cases) {
    const scram = client(options);
    assert.equal(scram.mechanism, mechanism, inspect(options));
    assert.equal(text(scram.clientFirst()), `${header}n=,r=rOprNGfwEbeRWgbNEkqO`, inspect(options));
  }
});

test("channel binding: what cannot be had is an error that says why", () => {
  const require = { channelBinding: "require" } as const;
  const cases: [Partial<ScramOptions>, typeof PgError, RegExp][] = [
    [{ ...require, mechanisms: PLAIN }, OperationalError, /required.*not encrypted/],
    [
      { ...require, mechanisms: PLAIN, tls: true, endPoint: END_POINT },
      OperationalError,
      /required.*does not offer SCRAM-SHA-256-PLUS/,
    ],
    [{ ...require, mechanisms: BOTH, tls: true }, OperationalError, /required.*no hash/],
    [{ mechanisms: BOTH }, ProtocolError, /without TLS/],
    [{ mechanisms: BOTH, channelBinding: "disable" }, ProtocolError, /without TLS/],
    [{ mechanisms: ["OAUTHBEARER", "X"] }, NotSupportedError, /OAUTHBEARER, X/],
    [{ mechanisms: ["SCRAM-SHA-1"] }, NotSupportedError, /SCRAM-SHA-1/],
    [{ mechanisms: [] }, NotSupportedError, /no SASL mechanism/],
    [{ mechanisms: ["SCRAM-SHA-256-PLUS"], tls: true }, NotSupportedError, /SCRAM-SHA-256-PLUS/],
  ];
  for (const [options, Class, message] of cases) {
    assert.throws(() => client(options), (error: Error) => {
      assert.equal(error.constructor, Class, error.message);
      assert.match(error.message, message);
      return true;
    });
  }
});

test("scram: a missing or empty password is an InterfaceError", () => {
  for (const secret of [undefined, "", new Uint8Array(0)]) {
    assert.throws(() => client({ secret }), { name: "InterfaceError", message: /no.* provided/ });
  }
});

test("keys: they stand for the password, as libpq's scram_client_key and scram_server_key", async () => {
  const server = Server.forPassword("pencil", END_POINT, 4096);
  const salted = pbkdf2Sync("pencil", END_POINT, 4096, 32, "sha256");
  const secret = {
    clientKey: mac(salted, "Client Key").toString("base64"),
    serverKey: mac(salted, "Server Key").toString("base64"),
  };
  const scram = client({ secret });
  const final = server.final(await scram.clientFinal(server.first(scram.clientFirst())));
  scram.verify(final!);
  scram.accept();
});

test("keys: anything but 32 bytes of base64 is an InterfaceError that names the option", () => {
  const good = Buffer.from(END_POINT).toString("base64");
  for (const bad of ["", "sesame", good.slice(4), `${good.slice(0, -1)}A`, ` ${good}`]) {
    assert.throws(() => client({ secret: { clientKey: bad, serverKey: good } }), (error: Error) => {
      assert.ok(error instanceof InterfaceError);
      assert.match(error.message, /^scramClientKey must be 32 bytes/);
      return true;
    });
    assert.throws(() => client({ secret: { clientKey: good, serverKey: bad } }), /scramServerKey/);
  }
});

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
    ["iteration count 10000001", `r=${nonce}x,s=c2FsdA==,i=10000001`, /too many iterations/],
    ["iteration count huge", `r=${nonce}x,s=c2FsdA==,i=${"9".repeat(400)}`, /too many iterations/],
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
      message: /success before it proved/,
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
