/** Stands for tests/_kit/certs.ts in workerd, which has no files: the certificates come from outside. */
import process from "node:process";

/** The certificates, without their files. */
export function certificates(): Promise<unknown> {
  return Promise.resolve(JSON.parse(process.env.CORNAC_CERTIFICATES ?? "{}"));
}

export const PASSPHRASE = "secret";
