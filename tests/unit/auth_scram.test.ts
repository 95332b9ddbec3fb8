import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { pbkdf2Sync } from "node:crypto";
import { inspect } from "node:util";
import { test } from "node:test";
import fc from "fast-check";
import type { ScramOptions } from "../../src/auth/scram.ts";
import {
  InterfaceError,
  NotSupportedError,
  OperationalError,
  type PgError,
  ProtocolError,
} from "../../src/errors/errors.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import {
  BOTH,
  bytes,
  client,
  END_POINT,
  mac,
  NO_HASH,
  notUtf8,
  PLAIN,
  RFC_7677,
  Server,
  text,
} from "./auth_scram.ts";

test("scram: the exchange of RFC 7677, by WebCrypto", () => exchangeOfRfc7677({}));

test("scram: the exchange of RFC 7677, by the runtime's own hash", async () => {
  const { sha256 } = await detectRuntime();
  assert.ok(sha256);
  await exchangeOfRfc7677({ sha256 });
});

async function exchangeOfRfc7677(options: Partial<ScramOptions>): Promise<void> {
  const scram = client({ user: "user", ...options });
  assert.equal(scram.mechanism, "SCRAM-SHA-256");
  assert.equal(text(scram.clientFirst()), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  assert.equal(
    text(await scram.clientFinal(bytes(RFC_7677.serverFirst))),
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  );
  scram.verify(bytes(RFC_7677.serverFinal));
  scram.accept();
}

test("scram: names are escaped by RFC 5802, and empty by default", () => {
  assert.equal(text(client().clientFirst()), "n,,n=,r=rOprNGfwEbeRWgbNEkqO");
  assert.match(text(client({ user: "a=b,c" }).clientFirst()), /n=a=3Db=2Cc,/);
});

test("scram: secrets stored by PostgreSQL 18.4 accept their passwords", async () => {
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
    endPoint: fc.option(fc.uint8Array({ minLength: 28, maxLength: 64 }), { nil: NO_HASH }),
    mechanisms: fc.constantFrom(BOTH, PLAIN),
  });
  await fc.assert(
    fc.asyncProperty(input, async ({ password, salt, iterations, nonce, ...options }) => {
      const server = Server.forPassword(password, salt, iterations);
      const scram = client({ ...options, secret: password, tls: true, verified: true });
      const answer = await scram.clientFinal(server.first(scram.clientFirst(), nonce));
      const bound = scram.mechanism === "SCRAM-SHA-256-PLUS";
      assert.equal(bound, options.mechanisms === BOTH && options.endPoint !== NO_HASH);
      const final = server.final(answer, bound ? options.endPoint as Uint8Array : undefined);
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
    // Without a hash only a verified server gets an unbound login; see the next test.
    [{ mechanisms: BOTH, tls: true, verified: true }, "SCRAM-SHA-256", "n,,"],
    [{ mechanisms: BOTH, tls: true, channelBinding: "disable" }, "SCRAM-SHA-256", "n,,"],
    // A server that has offered PLUS refuses `y`: it notices that its offer was removed.
    [{ mechanisms: PLAIN, tls: true }, "SCRAM-SHA-256", "y,,"],
    [{ mechanisms: PLAIN, tls: true, verified: true }, "SCRAM-SHA-256", "y,,"],
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

test("channel binding: an impossible binding is an error with the reason", () => {
  const require = { channelBinding: "require" } as const;
  const cases: [Partial<ScramOptions>, typeof PgError, RegExp][] = [
    [{ ...require, mechanisms: PLAIN }, OperationalError, /required.*not encrypted/],
    [
      { ...require, mechanisms: PLAIN, tls: true, endPoint: END_POINT },
      OperationalError,
      /required.*does not offer SCRAM-SHA-256-PLUS/,
    ],
    [{ ...require, mechanisms: BOTH, tls: true }, OperationalError, /required.*no hash/],
    [{ ...require, mechanisms: BOTH, tls: true, verified: true }, OperationalError, /no hash/],
    [{ mechanisms: BOTH, tls: true }, OperationalError, /not verified: .* no hash .*"verify-full"/],
    [
      { mechanisms: ["SCRAM-SHA-256-PLUS"], tls: true },
      OperationalError,
      /not verified: .* no hash .*"verify-full"/,
    ],
    [{ mechanisms: BOTH }, ProtocolError, /without TLS/],
    [{ mechanisms: BOTH, channelBinding: "disable" }, ProtocolError, /without TLS/],
    [{ mechanisms: ["OAUTHBEARER", "X"] }, NotSupportedError, /OAUTHBEARER, X/],
    [{ mechanisms: ["SCRAM-SHA-1"] }, NotSupportedError, /SCRAM-SHA-1/],
    [{ mechanisms: [] }, NotSupportedError, /no SASL mechanism/],
    [
      { mechanisms: ["SCRAM-SHA-256-PLUS"], tls: true, verified: true },
      NotSupportedError,
      /SCRAM-SHA-256-PLUS/,
    ],
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

test("keys: scram_client_key and scram_server_key replace the password", async () => {
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
