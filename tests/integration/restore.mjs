// A backup taken while serving, restored elsewhere: everything is there, duplicates stay out, and nothing is sent twice by itself.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const original = new Appliance();
let restored;
const folder = (name) => join(original.directory, name);
const backup = () => join(original.directory, "all.backup");

function drop(name, content) {
  writeFileSync(folder(`in.${name}`), content);
  utimesSync(folder(`in.${name}`), 1_700_000_000, 1_700_000_000);
  renameSync(folder(`in.${name}`), join(folder("in"), name));
}

before(async () => {
  for (const name of ["in", "out", "later"]) mkdirSync(folder(name), {recursive: true});
  await original.start();
  await original.apply({
    connections: [
      {name: "in", kind: "file", directory: folder("in"), poll: "200ms"},
      {name: "out", kind: "file", directory: folder("out")},
      {name: "later", kind: "file", directory: folder("later"), enabled: false},
    ],
    flows: [
      {name: "copy", from: {connection: "in", path: "*.txt"}, to: [{connection: "out", path: "{filename}"}]},
      {name: "held", from: {connection: "in", path: "*.later"}, to: [{connection: "later", path: "{filename}"}]},
    ],
  });
  drop("done.txt", Buffer.alloc(100_000, "done "));
  drop("waits.later", "waits");
  await until("the copy", () => existsSync(join(folder("out"), "done.txt")));
  await original.message("what waits", (m) => m.direction === "out" && m.filename === "waits.later");
  await original.message("the copied one", (m) => m.direction === "in" && m.filename === "done.txt" && m.status === "completed");
  const made = original.run("backup", backup());
  assert.equal(made.code, 0, made.err);
  assert.equal(statSync(backup()).mode & 0o777, 0o600);
});
after(async () => {
  await restored?.remove();
  await original.remove();
});

test("DB-08: a restored appliance has everything but sends nothing until somebody says so", async () => {
  const directory = mkdtempSync(join(tmpdir(), "banyan-test-"));
  restored = new Appliance({directory});
  const made = restored.run("restore", "--data", restored.data, backup());
  assert.equal(made.code, 0, made.err);
  copyFileSync(join(original.data, "master.key"), join(restored.data, "master.key"));
  await original.stop();
  await restored.start();
  const copied = await restored.message("the copied one", (m) => m.direction === "in" && m.filename === "done.txt");
  assert.equal(await restored.payload(copied.id), "done ".repeat(20_000));
  // In use again: still nothing leaves.
  await restored.api("PUT", "/api/v1/connections/later", {name: "later", kind: "file", directory: folder("later")}, {});
  const told = restored.run("status");
  assert.match(told.out, /held.*restored from a backup/);
  drop("new.txt", "taken in as before");
  const held = await restored.message("the new one is held", (m) => m.direction === "out" && m.filename === "new.txt" && /restore --release/.test(m.reason ?? ""));
  assert.equal(held.status, "processing");
  assert.ok(!existsSync(join(folder("out"), "new.txt")));
  assert.ok(!existsSync(join(folder("later"), "waits.later")));
  const released = restored.run("restore", "--release");
  assert.equal(released.code, 0, released.err);
  await until("what was new", () => existsSync(join(folder("out"), "new.txt")));
  await until("what waited", () => existsSync(join(folder("later"), "waits.later")));
  assert.doesNotMatch(restored.run("status").out, /restored from a backup/);
});

test("DB-08: what was taken in before the backup is still known as a duplicate, and the release holds over a restart", async () => {
  await restored.stop();
  await restored.start();
  assert.doesNotMatch(restored.run("status").out, /restored from a backup/);
  const before = (await restored.messages()).length;
  drop("done.txt", Buffer.alloc(100_000, "done "));
  await until("the source is empty", () => !existsSync(join(folder("in"), "done.txt")));
  assert.equal((await restored.messages()).length, before);
});

test("AU-29: without the key that sealed the secrets it does not start, and says what to do", async () => {
  await restored.stop();
  const key = join(restored.data, "master.key");
  const right = readFileSync(key);
  rmSync(key);
  const missing = restored.run("serve");
  assert.equal(missing.code, 3);
  assert.match(missing.err, /master\.key is missing/);
  assert.ok(!existsSync(key));
  writeFileSync(key, Buffer.alloc(32, 7), {mode: 0o600});
  const wrong = restored.run("serve");
  assert.equal(wrong.code, 3);
  assert.match(wrong.err, /not the one that sealed/);
  writeFileSync(key, right, {mode: 0o600});
  await restored.start();
});
