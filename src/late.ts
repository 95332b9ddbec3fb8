/**
 * The code that is otherwise loaded with its first use, for Deno, which takes it with the first
 * connection. There, the file that an `import()` reads leaves the async context of its caller behind
 * (Deno 2.9): requests that a server takes later begin in the context, and with the trace, of the
 * request that was the first to use a transaction. Code that is loaded already leaves none behind.
 * The expressions are those of the first uses, so that in a bundle, too, they find the same files loaded.
 */

/** Loads the code. */
export function load(): Promise<unknown> {
  return Promise.all([
    import("./auth/device_flow.ts"),
    import("./config/dsn.ts"),
    import("./config/login.ts"),
    import("./config/passfile.ts"),
    import("./config/service_file.ts"),
    import("./config/tls_material.ts"),
    import("./dbapi/cursor_work.ts"),
    import("./features/copy_code.ts"),
    import("./features/listen.ts"),
    import("./features/open_large_object.ts"),
    import("./features/transaction.ts"),
    import("./features/two_phase.ts"),
    import("./query/batch.ts"),
    import("./query/catalog_reader.ts"),
    import("./query/open_portal.ts"),
    import("./query/prepared.ts"),
    import("./runtime/dialled.ts"),
    import("./session/failure.ts"),
    import("./session/login.ts"),
    import("./session/negotiate.ts"),
    import("./session/role.ts"),
    import("./types/rare.ts"),
  ]);
}
