/**
 * Reads X.509 certificates (RFC 5280) from DER. Runtimes print the names of a certificate in forms
 * that can be forged (CVE-2021-44532), and differ in what they check; the bytes do not.
 */
import type { Reader } from "../bytes/reader.ts";
import {
  contents,
  contextTag,
  element,
  malformed,
  nextTag,
  objectIdentifier,
  optionalTrue,
  readDer,
  rest,
  smallInteger,
  Tag,
  time,
  value,
  wholeBytes,
  within,
} from "./der.ts";

const COMMON_NAME = "2.5.4.3";

/** The extensions that are read here. */
const Extension = {
  KEY_USAGE: "2.5.29.15",
  ALTERNATIVE_NAME: "2.5.29.17",
  BASIC_CONSTRAINTS: "2.5.29.19",
  EXTENDED_KEY_USAGE: "2.5.29.37",
} as const;

/** A certificate whose outer fields were read; all views are of the bytes that were given. */
export interface Certificate {
  /** The whole certificate, DER. */
  readonly bytes: Uint8Array;
  /** 1, 2 or 3. */
  readonly version: number;
  /** `tbsCertificate`: the bytes that the issuer has signed. */
  readonly signed: Uint8Array;
  /** The algorithm of the signature, in dots. */
  readonly algorithm: string;
  /** The algorithm's parameters, DER; empty when there are none. */
  readonly parameters: Uint8Array;
  readonly signature: Uint8Array;
  /** The issuer's name, DER. */
  readonly issuer: Uint8Array;
  /** The subject's name, DER. */
  readonly subject: Uint8Array;
  /** The first moment of validity, in milliseconds since 1970. */
  readonly notBefore: number;
  /** The last one. */
  readonly notAfter: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** The extensions by their object identifiers; each value is DER. */
  readonly extensions: ReadonlyMap<string, { critical: boolean; value: Uint8Array }>;
}

/** A name that a certificate holds for its subject, as the bytes in it. */
export interface SubjectName {
  readonly kind: "dns" | "ip" | "uri" | "email";
  readonly bytes: Uint8Array;
}

/**
 * Reads a certificate.
 *
 * @throws {ProtocolError} the bytes are not exactly one certificate.
 */
export function readCertificate(bytes: Uint8Array): Certificate {
  return readDer(bytes, (reader) =>
    within(reader, Tag.SEQUENCE, () => {
      const start = reader.position;
      const fields = within(reader, Tag.SEQUENCE, () => signedFields(reader));
      const signed = reader.buffer.subarray(start, reader.position);
      const algorithm = element(reader);
      if (!equalBytes(algorithm, fields.algorithm)) {
        throw malformed("its two signature algorithms differ");
      }
      const signature = wholeBytes(reader);
      return { bytes, signed, signature, ...fields, ...algorithmOf(algorithm) };
    }));
}

/** Returns the alternative names, in their order, except those of directories and other kinds. */
export function alternativeNames(certificate: Certificate): readonly SubjectName[] {
  return readExtension(
    certificate,
    Extension.ALTERNATIVE_NAME,
    (reader) =>
      within(reader, Tag.SEQUENCE, () => {
        const names: SubjectName[] = [];
        while (reader.remaining > 0) {
          const kind = NAME_KINDS[nextTag(reader)];
          const bytes = value(reader);
          if (kind !== undefined) names.push({ kind, bytes });
        }
        return names;
      }),
  ) ?? [];
}

/** Returns the bytes of the subject's first common name, in whatever character set it is. */
export function commonName(certificate: Certificate): Uint8Array | undefined {
  return readDer(certificate.subject, (reader) =>
    within(reader, Tag.SEQUENCE, () => {
      let found: Uint8Array | undefined;
      while (reader.remaining > 0) {
        within(reader, Tag.SET, () => {
          while (reader.remaining > 0) {
            const attribute = within(reader, Tag.SEQUENCE, () => {
              const name = objectIdentifier(reader);
              return { name, bytes: value(reader) };
            });
            if (attribute.name === COMMON_NAME) found ??= attribute.bytes;
          }
        });
      }
      return found;
    }));
}

/** Returns what basicConstraints say; `undefined` without that extension. */
export function basicConstraints(
  certificate: Certificate,
): { isAuthority: boolean; pathLength: number } | undefined {
  return readExtension(
    certificate,
    Extension.BASIC_CONSTRAINTS,
    (reader) =>
      within(reader, Tag.SEQUENCE, () => {
        const isAuthority = optionalTrue(reader);
        const pathLength = reader.remaining > 0 ? smallInteger(reader) : Infinity;
        return { isAuthority, pathLength };
      }),
  );
}

/** Reports whether the key may sign certificates, as far as keyUsage says. */
export function maySignCertificates(certificate: Certificate): boolean {
  const usage = readExtension(
    certificate,
    Extension.KEY_USAGE,
    (reader) => contents(reader, Tag.BIT_STRING),
  );
  // Byte 0 counts the unused bits; keyCertSign is bit 5 from the left.
  return usage === undefined || ((usage[1] ?? 0) & 0x04) !== 0;
}

/** Reports whether the certificate is for servers, as far as extendedKeyUsage says. */
export function isForServers(certificate: Certificate): boolean {
  return readExtension(
    certificate,
    Extension.EXTENDED_KEY_USAGE,
    (reader) =>
      within(reader, Tag.SEQUENCE, () => {
        let found = false;
        while (reader.remaining > 0) {
          if (SERVER_USAGES.has(objectIdentifier(reader))) found = true;
        }
        return found;
      }),
  ) ?? true;
}

/** Reports whether a certificate names itself as its issuer. */
export function isSelfIssued({ issuer, subject }: Certificate): boolean {
  return equalBytes(issuer, subject);
}

/** Reports whether two byte strings are equal. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}

/** GeneralName: `[1]` rfc822Name, `[2]` dNSName, `[6]` uniformResourceIdentifier, `[7]` iPAddress. */
const NAME_KINDS: Readonly<Record<number, SubjectName["kind"]>> = {
  0x81: "email",
  0x82: "dns",
  0x86: "uri",
  0x87: "ip",
};

/** serverAuth and anyExtendedKeyUsage. */
const SERVER_USAGES: ReadonlySet<string> = new Set(["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"]);

type Fields = Omit<Certificate, "bytes" | "signed" | "signature" | "algorithm" | "parameters"> & {
  readonly algorithm: Uint8Array;
};

/** TBSCertificate (RFC 5280, 4.1). */
function signedFields(reader: Reader): Fields {
  const version = nextTag(reader) === contextTag(0)
    ? within(reader, contextTag(0), () => smallInteger(reader)) + 1
    : 1;
  contents(reader, Tag.INTEGER);
  const algorithm = element(reader);
  const issuer = element(reader);
  const [notBefore, notAfter] = within(
    reader,
    Tag.SEQUENCE,
    () => [time(reader), time(reader)] as const,
  );
  const subject = element(reader);
  const publicKey = element(reader);
  for (const number of [1, 2]) {
    if (nextTag(reader) === 0x80 + number) value(reader);
  }
  const extensions = nextTag(reader) === contextTag(3)
    ? within(reader, contextTag(3), () => allExtensions(reader))
    : new Map<string, never>();
  return { version, algorithm, issuer, notBefore, notAfter, subject, publicKey, extensions };
}

function allExtensions(reader: Reader): Certificate["extensions"] {
  const extensions = new Map<string, { critical: boolean; value: Uint8Array }>();
  within(reader, Tag.SEQUENCE, () => {
    while (reader.remaining > 0) {
      within(reader, Tag.SEQUENCE, () => {
        const id = objectIdentifier(reader);
        if (extensions.has(id)) throw malformed("an extension occurs twice");
        const critical = optionalTrue(reader);
        extensions.set(id, { critical, value: contents(reader, Tag.OCTET_STRING) });
      });
    }
  });
  return extensions;
}

function algorithmOf(bytes: Uint8Array): Pick<Certificate, "algorithm" | "parameters"> {
  return readDer(bytes, (reader) =>
    within(reader, Tag.SEQUENCE, () => ({
      algorithm: objectIdentifier(reader),
      parameters: rest(reader),
    })));
}

function readExtension<T>(
  { extensions }: Certificate,
  id: string,
  read: (reader: Reader) => T,
): T | undefined {
  const extension = extensions.get(id);
  return extension && readDer(extension.value, read);
}
