/**
 * The certificates that verify-ca and verify-full accept: the same ones on every runtime, although
 * their TLS implementations differ.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type ConnectOptions, NotSupportedError, OperationalError } from "../../mod.ts";
import {
  commonName,
  der,
  extension,
  forge,
  type Forged,
  forgeRoot,
  type Forgery,
  Name,
} from "../_kit/forged_certs.ts";
import {
  answerSsl,
  expect,
  expectClose,
  handshake,
  type Script,
  startTls,
  withServer,
} from "../_kit/scripted_server.ts";
import { failure } from "../_kit/outcomes.ts";
import { reach } from "./hostile.ts";

const IS_DENO = "Deno" in globalThis;
const END: Script = [expect("X"), expectClose()];
const LOCAL: Forgery["names"] = [[Name.dns, "localhost"]];
const SERVER_AUTH = "2b06010505070301";
const CLIENT_AUTH = "2b06010505070302";

const root = forgeRoot("a root");
const evil = forgeRoot("a root");
const expiredRoot = forgeRoot("an old root", { until: "210101000000Z" });
const futureRoot = forgeRoot("a root to come", { from: "480101000000Z" });
const intermediate = forgeRoot("an intermediate", { issuer: root });
const expiredTwin = forgeRoot("an intermediate", {
  issuer: root,
  until: "210101000000Z",
  keys: intermediate,
});
const noAuthority = forge({ subject: "no authority", isAuthority: false });
const noSigner = forgeRoot("no signer", { usage: [0x07, 0x80] });
const flat = forgeRoot("a flat root", { pathLength: 0 });

interface Case {
  readonly what: string;
  /** The certificates that the server sends, its own first. */
  readonly chain: readonly Forged[];
  readonly trusted: readonly Forged[];
  /** Whether Deno refuses it by a NotSupportedError. */
  readonly isUnsupportedOnDeno?: boolean;
}

const leaf = (issuer: Forged | undefined, more: Forgery = {}): Forged =>
  forge({ names: LOCAL, ...issuer && { issuer }, ...more });

const BELIEVED: readonly Case[] = [
  { what: "one that the root has issued", chain: [leaf(root)], trusted: [root] },
  { what: "one for servers", chain: [leaf(root, { purposes: [SERVER_AUTH] })], trusted: [root] },
  {
    what: "one by an intermediate that the server sends",
    chain: [leaf(intermediate), intermediate],
    trusted: [root],
  },
  {
    what: "one by an intermediate that is trusted with its root",
    chain: [leaf(intermediate)],
    trusted: [intermediate, root],
  },
  { what: "one beside an expired root", chain: [leaf(root)], trusted: [expiredRoot, root] },
  { what: "one that is its own root", ...itself(leaf(undefined, { isAuthority: false })) },
];

function itself(certificate: Forged): Pick<Case, "chain" | "trusted"> {
  return { chain: [certificate], trusted: [certificate] };
}

const REFUSED: readonly Case[] = [
  {
    what: "a forged one of version 1",
    chain: [forge({ version: 1, issuer: evil })],
    trusted: [root],
    isUnsupportedOnDeno: true,
  },
  { what: "a forged one of version 3", chain: [leaf(evil)], trusted: [root] },
  {
    what: "a forged one beside an intermediate of version 1",
    chain: [leaf(evil), forge({ version: 1, subject: "a root", issuer: evil })],
    trusted: [root],
  },
  {
    what: "one by a forged intermediate of version 1",
    chain: (() => {
      const between = forge({ version: 1, subject: "between", issuer: evil });
      return [leaf(between), between];
    })(),
    trusted: [root],
  },
  {
    what: "one whose signature is another's",
    chain: [leaf(root, { isForged: true })],
    trusted: [root],
  },
  { what: "one of an expired root", chain: [leaf(expiredRoot)], trusted: [expiredRoot] },
  { what: "one of a root to come", chain: [leaf(futureRoot)], trusted: [futureRoot] },
  {
    what: "one of an expired root beside a valid one",
    chain: [leaf(expiredRoot)],
    trusted: [expiredRoot, root],
  },
  {
    what: "one by a trusted intermediate alone",
    chain: [leaf(intermediate)],
    trusted: [intermediate],
  },
  {
    what: "one by a root that is no authority",
    chain: [leaf(noAuthority)],
    trusted: [noAuthority],
  },
  { what: "one by a root that may not sign", chain: [leaf(noSigner)], trusted: [noSigner] },
  {
    what: "one by a trusted certificate of a server",
    chain: (() => {
      const server = leaf(root, { isAuthority: false });
      return [leaf(server), server];
    })(),
    trusted: [root],
  },
  {
    what: "one by a certificate of a server in the file of roots",
    chain: (() => {
      const server = leaf(root, { subject: "a server", isAuthority: false });
      return [leaf(server), server];
    })(),
    trusted: [root, leaf(root, { subject: "a server", isAuthority: false })],
  },
  {
    what: "one through more intermediates than the root allows",
    chain: (() => {
      const between = forgeRoot("between", { issuer: flat });
      return [leaf(between), between];
    })(),
    trusted: [flat],
  },
  {
    what: "one through two intermediates where the first allows none",
    chain: (() => {
      const first = forgeRoot("first", { issuer: root, pathLength: 0 });
      const second = forgeRoot("second", { issuer: first });
      return [leaf(second), second, first];
    })(),
    trusted: [root],
  },
  { what: "an expired one", chain: [leaf(root, { until: "210101000000Z" })], trusted: [root] },
  { what: "one to come", chain: [leaf(root, { from: "480101000000Z" })], trusted: [root] },
  {
    what: "one for clients only",
    chain: [leaf(root, { purposes: [CLIENT_AUTH] })],
    trusted: [root],
  },
  {
    what: "one with an unknown critical extension",
    chain: [leaf(root, { extensions: [extension(99, der(0x05), true)] })],
    trusted: [root],
  },
];

const NAMES: readonly (readonly [what: string, forgery: Forgery])[] = [
  ["another DNS name", { names: [[Name.dns, "x.test"]] }],
  ["a URI with the host in it", { names: [[Name.uri, "http://x/, DNS:localhost"]], subject: "x" }],
  ["an e-mail address with it", { names: [[Name.email, "x, DNS:localhost"]], subject: "x" }],
  ["a directory name with it", {
    names: [[Name.directory, commonName("x, DNS:localhost")]],
    subject: "x",
  }],
  ["the host as the common name beside another DNS name", { names: [[Name.dns, "x.test"]] }],
  ["a zero byte", { names: [[Name.dns, "localhost\0.evil.test"]], subject: "x" }],
];

type Trial = Pick<Case, "chain" | "trusted">;

function scriptOf({ chain }: Trial, isBelieved: boolean): Script {
  const identity = { cert: chain.map(({ cert }) => cert).join(""), key: chain[0]!.key };
  if (!isBelieved) return [answerSsl("S"), startTls({ ...identity, fails: true })];
  return [answerSsl("S"), startTls(identity), handshake(), END];
}

function optionsFor({ trusted }: Trial, options: ConnectOptions): ConnectOptions {
  return { host: "localhost", sslRootCert: trusted.map(({ cert }) => cert).join(""), ...options };
}

async function believes(one: Trial, options: ConnectOptions): Promise<void> {
  await withServer(scriptOf(one, true), async (server) => {
    const db = await connect(reach(server, optionsFor(one, options)));
    await db.close();
  });
}

async function refuses(one: Trial, options: ConnectOptions): Promise<Error> {
  return await withServer(
    scriptOf(one, false),
    (server) => failure(connect(reach(server, optionsFor(one, options)))),
  );
}

/** Certificates that one runtime refuses and the others accept, with the error message. */
const LIMITS: readonly (Case & { readonly on: "Deno" | "Bun"; readonly words: RegExp })[] = [
  {
    what: "one of version 1",
    chain: [forge({ version: 1, issuer: root })],
    trusted: [root],
    on: "Deno",
    words:
      /Deno does not check that the server holds the key of a certificate of X\.509 version 1$/,
  },
  {
    what: "an authority's own",
    chain: [leaf(root, { isAuthority: true })],
    trusted: [root],
    on: "Deno",
    words: /self-signed and not trusted, or it is an authority's own \(CA:TRUE\), which Deno/,
  },
  {
    what: "one with an expired intermediate before the valid one",
    chain: [leaf(intermediate), expiredTwin, intermediate],
    trusted: [root],
    on: "Bun",
    words: /a certificate in the server's chain has expired/,
  },
];

for (const { on, words, ...one } of LIMITS) {
  const sslMode = "verify-full";
  const isHere = on in globalThis;
  test(`certificates: ${on} alone refuses ${one.what}`, async () => {
    if (!isHere) return await believes(one, { sslMode });
    assert.match((await refuses(one, { sslMode })).message, words);
  });
}

for (const sslMode of ["verify-ca", "verify-full"] as const) {
  for (const one of BELIEVED) {
    test(`certificates: ${sslMode} accepts ${one.what}`, async () => {
      await believes(one, { sslMode });
    });
  }
  for (const one of REFUSED) {
    test(`certificates: ${sslMode} refuses ${one.what}`, async () => {
      const error = await refuses(one, { sslMode });
      assert.ok(
        error instanceof OperationalError || error instanceof NotSupportedError,
        `${error}`,
      );
      assert.equal(error instanceof NotSupportedError, IS_DENO && !!one.isUnsupportedOnDeno);
    });
  }
}

for (const [what, forgery] of NAMES) {
  test(`certificates: verify-full refuses one with ${what}, verify-ca does not`, async () => {
    const one = { chain: [forge({ issuer: root, ...forgery })], trusted: [root] };
    await believes(one, { sslMode: "verify-ca" });
    const error = await refuses(one, { sslMode: "verify-full" });
    assert.ok(error instanceof OperationalError, `${error}`);
    assert.match(
      error.message,
      /the server's certificate is for .*, not for "localhost"$|zero byte/,
    );
  });
}

test("certificates: checkServerIdentity gets names that cannot be misread", async () => {
  const seen: string[] = [];
  const checkServerIdentity = (_host: string, certificate: unknown): undefined => {
    seen.push((certificate as { subjectaltname: string }).subjectaltname);
  };
  const chain = [forge({ issuer: root, names: [[Name.uri, "http://x/, DNS:localhost"]] })];
  const sslContext = { ca: root.cert, checkServerIdentity };
  const options = { sslMode: undefined, sslContext, sslRootCert: undefined };
  await believes({ chain, trusted: [root] }, options);
  assert.deepEqual(seen, ['URI:"http://x/, DNS:localhost"']);
});
