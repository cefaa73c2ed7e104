// tests/integration/data.mjs: data directories that are in use, damaged, too new, not ours: told in one line, and left as they are.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {spawnSync} from "node:child_process";
import {cpSync, existsSync, mkdirSync, readFileSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance} from "./appliance.lib.mjs";

const appliance = new Appliance();
const folder = (name) => join(appliance.directory, name);
let backup;

// `banyan WORD…` with another data directory; one that goes on serving is a failure of its own.
function run(data, words, environment = {}) {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BANYAN_")));
  const done = spawnSync(appliance.program, words, {
    env: {...clean, BANYAN_DATA: data, BANYAN_PUBLIC: "127.0.0.1:0", BANYAN_ADMIN: "127.0.0.1:0", ...environment},
    encoding: "utf8",
    timeout: 60000,
  });
  return {code: done.status, err: done.stderr};
}

// PRODUCT: 3, with one line on standard error that says what, where and what to do.
function impossible(done, ...told) {
  assert.equal(done.code, 3, done.err);
  const lines = done.err.split("\n").filter((line) => line.startsWith("banyan: "));
  assert.equal(lines.length, 1, done.err);
  for (const words of told) assert.match(lines[0], words);
}

function copy(name) {
  cpSync(appliance.data, folder(name), {recursive: true});
  return folder(name);
}

before(async () => {
  await appliance.start();
  await appliance.apply({partners: [{name: "acme"}]});
  const done = appliance.run("backup", folder("all.bak"));
  assert.equal(done.code, 0, done.err);
  backup = readFileSync(folder("all.bak"));
});
after(() => appliance.remove());

test("a second appliance on the same directory is refused, and the first goes on", async () => {
  impossible(run(appliance.data, ["serve"]), /is in use by another banyan/, /stop that one, or choose another/);
  assert.equal(appliance.run("status").code, 0);
});

test("a port that is taken is told with its address and its setting", () => {
  impossible(run(folder("second"), ["serve"], {BANYAN_PUBLIC: appliance.public.slice("http://".length)}), /another program already does/, /listen\.public/);
  impossible(run(folder("third"), ["serve"], {BANYAN_ADMIN: appliance.admin.slice("http://".length)}), /another program already does/, /listen\.admin/);
});

test("a directory that cannot be one is told", () => {
  writeFileSync(folder("file"), "no directory");
  impossible(run(folder("file"), ["serve"]), /file: Not a directory/);
  impossible(run("/proc/none", ["serve"]), /\/proc\/none/);
});

test("a backup that is cut off or changed is not restored; its remains are called by their name, another directory takes the good one", () => {
  const changed = Buffer.from(backup);
  changed[changed.length >> 1] ^= 0x40;
  for (const [name, bytes, told] of [
    ["cut", backup.subarray(0, backup.length >> 1), /ends too early/],
    ["changed", changed, /damaged/],
    ["other", Buffer.from("partners: []\n"), /not a backup of banyan/],
  ]) {
    writeFileSync(folder(`${name}.bak`), bytes);
    impossible(run(folder(name), ["restore", folder(`${name}.bak`)]), told);
    assert.ok(!existsSync(join(folder(name), "banyan.db")), name);
  }
  impossible(run(folder("cut"), ["restore", folder("all.bak")]), /left of a restore that did not come to its end/, /another directory/);
  const good = run(folder("good"), ["restore", folder("all.bak")]);
  assert.equal(good.code, 0, good.err);
  impossible(run(folder("good"), ["restore", folder("all.bak")]), /holds a store already/);
  impossible(run(appliance.data, ["restore", folder("all.bak")]), /holds a store already/);
});

test("DB-01: a database that is damaged, another's, gone or from a newer version does not start, and is left as it is", async () => {
  await appliance.stop();
  const spoil = (name, change) => {
    const file = join(copy(name), "banyan.db");
    writeFileSync(file, change(readFileSync(file)));
    return run(folder(name), ["serve"]);
  };
  impossible(spoil("garbage", () => "this is no database".repeat(300)), /garbage\/banyan\.db is damaged/, /restore a backup/);
  impossible(spoil("half", (bytes) => bytes.subarray(0, 50000)), /half\/banyan\.db is damaged/, /restore a backup/);
  impossible(spoil("empty", () => ""), /not the one that was used last/, /Restore a backup/);
  const newer = (bytes) => {
    bytes.writeUInt32BE(99, 60); // user_version
    return bytes;
  };
  impossible(spoil("newer", newer), /schema version 99/, /newer version/);
  await appliance.start();
  assert.equal((await appliance.api("GET", "/api/v1/partners/acme")).status, 200);
});
