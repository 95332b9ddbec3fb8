import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, InternalError } from "../../mod.ts";
import {
  expect,
  expectAll,
  expectClose,
  handshake,
  type Script,
  send,
} from "../_kit/scripted_server.ts";
import { commandComplete, errorResponse, readyForQuery } from "../_kit/server_messages.ts";
import { quietly, reach, rejection } from "./hostile.ts";

const asks = (text: string): Script => [expect("Q", (m) => assert.equal(m.text, text))];
const says = (
  tag: string,
  status: string,
): Script => [send(commandComplete(tag), readyForQuery(status))];
const refuses = (code: string, status: string): Script => [
  send(errorResponse({ S: "ERROR", V: "ERROR", C: code, M: code }), readyForQuery(status)),
];
const END: Script = [expect("X"), expectClose()];

test("transaction: BEGIN, its modes and the first statement leave without waiting for an answer", () =>
  quietly([
    handshake(),
    asks("begin"),
    asks("set transaction isolation level serializable, read only"),
    expectAll("P", "D", "B", "E", "S"),
    says("BEGIN", "T"),
    refuses("0A000", "E"),
    refuses("25P02", "E"),
    asks("rollback"),
    says("ROLLBACK", "I"),
    END,
  ], async (server) => {
    const db = await connect(reach(server));
    const how = { isolation: "serializable", readOnly: true } as const;
    const error = await rejection(db.transaction((tx) => tx.query("select 1"), how));
    // Why it could not begin, not what the callback met for it.
    assert.match(error.message, /0A000/);
    await db.close();
  }));

test("transaction: refused modes of an empty transaction are its error", () =>
  quietly([
    handshake(),
    asks("begin"),
    asks("set transaction deferrable"),
    says("BEGIN", "T"),
    refuses("0A000", "E"),
    asks("rollback"),
    says("ROLLBACK", "I"),
    END,
  ], async (server) => {
    const db = await connect(reach(server));
    const error = await rejection(db.transaction(() => 1, { deferrable: true }));
    assert.match(error.message, /0A000/);
    await db.close();
  }));

test("transaction: COMMIT answered by ROLLBACK is an error even when nobody knows why", () =>
  quietly([
    handshake(),
    asks("begin"),
    says("BEGIN", "T"),
    asks("commit"),
    says("ROLLBACK", "I"),
    END,
  ], async (server) => {
    const db = await connect(reach(server));
    const error = await rejection(db.transaction(() => 1));
    assert.ok(error instanceof InternalError);
    assert.equal(error.cause, undefined);
    await db.close();
  }));
