import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectOptions } from "../../src/config/options.ts";
import { refused, resolve } from "./config_runtime.ts";

/** 32 bytes in base64. */
const KEY = `${"A".repeat(43)}=`;

const REFUSED: [Record<string, unknown>, RegExp][] = [
  [{ requireAuth: "scram" }, /^requireAuth must be a list of password, md5, gss/],
  [{ requireAuth: "md5,!none" }, /^requireAuth mixes/],
  [{ requireAuth: "!md5,none" }, /^requireAuth mixes/],
  [{ requireAuth: "md5,md5" }, /^requireAuth names a method twice$/],
  [{ requireAuth: "md5, password" }, /^requireAuth must be a list of/],
  [{ scramClientKey: "c2VjcmV0" }, /^scramClientKey must be 32 bytes in base64$/],
  [{ scramServerKey: KEY }, /^scramClientKey and scramServerKey must be given together$/],
  [{ oauthIssuer: "http://issuer" }, /^oauthIssuer must be an https address$/],
  [{ oauthToken: "t" }, /^oauthToken must be a function$/],
  [{ oauthPrompt: () => {} }, /^oauthPrompt needs oauthIssuer and oauthClientId$/],
  [{ oauthPrompt: () => {}, oauthToken: () => "t" }, /^oauthToken and oauthPrompt exclude/],
  [{ oauthSslMode: "prefer" }, /^oauthSslMode must be .*verify-full/],
  [{ gssProvider: {} }, /^gssProvider must be a function$/],
];

for (const [options, message] of REFUSED) {
  test(`refused: ${Object.entries(options)}`, async () => {
    assert.match(await refused(options as ConnectOptions), message);
  });
}

test("requireAuth lists what is allowed, or with ! what is not", async () => {
  const allowed = async (requireAuth: string) => {
    const found = (await resolve({ requireAuth })).requireAuth;
    return found && [...found.methods].join();
  };
  assert.equal(await allowed(""), undefined);
  assert.equal(await allowed("scram-sha-256"), "scram-sha-256");
  assert.equal(await allowed("md5,none"), "md5,none");
  assert.equal(await allowed("!none"), "password,md5,gss,sspi,scram-sha-256,oauth");
  assert.equal(await allowed("!password,!md5"), "gss,sspi,scram-sha-256,oauth,none");
});

test("SCRAM keys, OAuth and GSSAPI arrive as they are", async () => {
  const keys = await resolve(`scram_client_key=${KEY} scram_server_key=${KEY}`);
  assert.deepEqual(keys.scramKeys, { clientKey: KEY, serverKey: KEY });
  assert.equal((await resolve({})).oauth, undefined);
  const { oauth } = await resolve("oauth_issuer=https://i oauth_client_id=c oauth_scope=s");
  assert.deepEqual([oauth!.issuer, oauth!.clientId, oauth!.scope], ["https://i", "c", "s"]);
  assert.equal(oauth!.sslMode, "verify-full");
  const oauthToken = () => "t";
  assert.equal((await resolve({ oauthToken, oauthSslMode: "require" })).oauth!.sslMode, "require");
  const gssProvider = () => ({ step: () => undefined, established: true });
  const { gss } = await resolve("krbsrvname=pg", {}, { gssProvider });
  assert.deepEqual(gss, { provider: gssProvider, service: "pg" });
});

test("a password file that others may read is named for when a password is missed", async () => {
  const path = "/home/me/.pgpass";
  const files = { [path]: "*:*:*:*:secret" };
  const open = await resolve({}, { files, modes: { [path]: { mode: 0o100644, uid: 1 } } });
  const found = await open.targets[0]!.passwordFile!();
  assert.equal(found.password, undefined);
  assert.match(found.hint!, /"\/home\/me\/\.pgpass" is ignored: others may read it/);
  const own = await resolve({}, { files, modes: { [path]: { mode: 0o100600, uid: 1 } } });
  const { password, hint } = await own.targets[0]!.passwordFile!();
  assert.deepEqual([password, hint], ["secret", undefined]);
});
