/**
 * `targetSessionAttrs`: checks that the server is of the wanted kind. This module is loaded for it.
 * Source: PostgreSQL 18 manual, `target_session_attrs`; `CONNECTION_CHECK_TARGET` of `fe-connect.c`.
 */
import type { Settings } from "../config/settings.ts";
import { databaseError, OperationalError, ProtocolError } from "../errors/errors.ts";
import { readFields, readParameterStatus } from "../protocol/backend.ts";
import { query, terminate } from "../protocol/frontend.ts";
import { Backend, backendName } from "../protocol/tags.ts";
import type { SessionFacts } from "./facts.ts";
import * as roleSql from "./role_sql.ts";
import type { Start } from "./start.ts";
import type { Wire } from "./wire.ts";

/** The role that a server must have in one pass over all servers. */
export type Role = Exclude<Settings["targetSessionAttrs"], "prefer-standby">;

/**
 * Checks the server's role by its reports at startup or, before PostgreSQL 14, by a query. The
 * connection to a server with another role is closed in order.
 *
 * @throws {OperationalError} the server has another role; `start.misfit` is set.
 */
export async function checkRole(
  wire: Wire,
  facts: SessionFacts,
  role: Exclude<Role, "any">,
  start: Start,
): Promise<void> {
  start.stage = "asking for the server's role";
  const misfit = await misfitOf(wire, facts.parameterStatuses, role);
  if (misfit === undefined) return;
  start.misfit = true;
  terminate(wire.out);
  wire.flush();
  await wire.drained();
  await wire.stream.close();
  throw new OperationalError(`${misfit}, but targetSessionAttrs is "${role}"`, {
    code: "08001",
    safeToRetry: true,
  });
}

async function misfitOf(
  wire: Wire,
  reported: ReadonlyMap<string, string>,
  role: Role,
): Promise<string | undefined> {
  const standby = reported.get("in_hot_standby");
  const readOnly = reported.get("default_transaction_read_only");
  if (role === "primary" || role === "standby") {
    const is = standby ?? await ask(wire, roleSql.IN_RECOVERY);
    const actual = isOn(is) ? "standby" : "primary";
    return actual === role ? undefined : `the server is a ${actual}`;
  }
  const is = standby === undefined || readOnly === undefined
    ? await ask(wire, roleSql.READ_ONLY)
    : isOn(standby) || isOn(readOnly)
    ? "on"
    : "off";
  const actual = isOn(is) ? "read-only" : "read-write";
  return actual === role ? undefined : `the session is ${actual}`;
}

function isOn(value: string): boolean {
  return value === "on" || value === "t";
}

/** Returns the only value of a query's result, as text. */
async function ask(wire: Wire, sql: string): Promise<string> {
  query(wire.out, sql);
  wire.flush();
  let value: string | undefined;
  for (;;) {
    await wire.pull();
    const { tag, reader } = wire;
    switch (tag) {
      case Backend.DataRow:
        if (reader.int16() !== 1) throw new ProtocolError("malformed DataRow: one column was due");
        value = reader.text(reader.int32());
        break;
      case Backend.ErrorResponse:
        throw databaseError(readFields(reader));
      case Backend.ReadyForQuery:
        if (value === undefined) throw new ProtocolError(`no answer to "${sql}"`);
        return value;
      case Backend.ParameterStatus:
        readParameterStatus(reader);
        break;
      case Backend.RowDescription:
      case Backend.CommandComplete:
      case Backend.NoticeResponse:
        break;
      default:
        throw new ProtocolError(`${backendName(tag)} while the server was asked for its role`);
    }
  }
}
