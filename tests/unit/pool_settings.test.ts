/** Which custom settings a text of onConnect makes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { customSettings } from "../../src/pool/kept_settings.ts";

const TEXTS: readonly (readonly [text: string, names: readonly string[] | undefined])[] = [
  ["select 1", []],
  ["set time zone 'UTC'; set search_path to a", []],
  ["set app.user to 'ann'", ["app.user"]],
  ["-- who\nSET SESSION App.User = 'ann'; set x to 1;", ["app.user"]],
  ['set local "app".x = 1', ["app.x"]],
  ["select set_config('app.a', $1, false), pg_catalog.set_config('work_mem', '1MB', false)", [
    "app.a",
  ]],
  ["select set_config($1, 'x', false)", undefined],
  ["select set_config(concat('app.', 'a'), 'x', false)", undefined],
  ["select login('ann')", undefined],
  ["select * from me", undefined],
  ["insert into log values (1)", undefined],
  ["do $$ begin perform 1; end $$", undefined],
];

test("pool: custom settings are read from a text, unless it may make others", () => {
  for (const [text, names] of TEXTS) assert.deepEqual(customSettings(text), names, text);
});
