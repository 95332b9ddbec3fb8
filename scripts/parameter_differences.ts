/** Differences from libpq in parameters that the driver supports, in a phrase each, by keyword. */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  passfile: "a file that others may read is ignored, and named if a password is missing",
  connect_timeout: "30 s by default, fractions allowed",
  host:
    "localhost by default, not a socket directory; the next host is also tried when one breaks off",
  client_encoding: "UTF8 only",
  sslmode: "allow and prefer go the other way only when the server's access rules refuse the first",
  sslcert: "PEM text allowed; a named file must be there",
  sslkey: "PEM text allowed; no DER, no engines",
  sslrootcert: "PEM text allowed; a named file must be there; system: the runtime's own roots",
  sslcrl: "PEM text allowed; a named file must be there",
  krbsrvname: "passed to gssProvider, without which there is no GSSAPI",
  scram_client_key: "only together with scram_server_key",
  scram_server_key: "only together with scram_client_key",
  max_protocol_version: "3.0 is asked for when a pooler drops a 3.2 start",
  oauth_issuer: "the token comes from oauthToken or, by the device flow, with oauthPrompt",
};
