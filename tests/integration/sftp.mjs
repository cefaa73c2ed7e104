// tests/integration/sftp.mjs: an SFTP partner as an operator lives with him: names of all kinds, what stays at the source, a directory
// that is gone, and the way back from a dead letter. Against OpenSSH.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";
import {Sshd} from "./sshd.lib.mjs";

const appliance = new Appliance();
const sshd = new Sshd(join(appliance.directory, "ssh"));
const folder = (name) => join(appliance.directory, name);

before(async () => {
  await sshd.start();
  await appliance.start();
  for (const name of ["partner/in", "partner/out", "erp", "drop"]) mkdirSync(folder(name), {recursive: true});
  await appliance.apply({
    certificates: [{name: "key", private_key: readFileSync(sshd.userKey, "utf8")}],
    connections: [
      {name: "partner", kind: "sftp", host: "127.0.0.1", port: sshd.port, user: sshd.user, key: "key", host_key: sshd.fingerprint, directory: folder("partner"), pattern: "out/*", poll: "200ms", stable: "200ms"},
      {name: "erp", kind: "file", directory: folder("erp")},
      {name: "drop", kind: "file", directory: folder("drop"), max_size: "1KiB", poll: "200ms"},
    ],
    flows: [
      {name: "collect", from: {connection: "partner"}, to: [{connection: "erp", path: "{filename}"}]},
      {name: "send", from: {connection: "drop"}, to: [{connection: "partner", path: "in/{filename}"}], retry: {attempts: 2, first: "100ms"}},
    ],
  });
});
after(async () => {
  await appliance.remove();
  await sshd.stop();
});

const alert = async (connection) => (await appliance.get("/api/v1/alerts")).items.find((item) => item.kind === "files-left" && item.connection === connection);

test("SF-02, FI-07: names of all kinds pass as they are; those that cannot be stay, and an alert says so until they are gone", async () => {
  const good = ["plain.edi", "-rf", "--help", " leading", "trailing ", "Größe-日本", "a..b", "q\"'`$(id)", "%2e%2e%2f", "{message.id}", "*", "a:b", "x".repeat(255), "empty"];
  const bad = ["tab\tname", "line\nname", "esc\x1b[31m", "back\\slash"];
  const content = (name) => (name === "empty" ? "" : `content of ${name}`);
  for (const name of [...good, ...bad]) writeFileSync(folder(`partner/out/${name}`), content(name));
  await until("they are there", () => good.every((name) => existsSync(folder(`erp/${name}`))), 120);
  for (const name of good) assert.equal(readFileSync(folder(`erp/${name}`), "utf8"), content(name), name);
  const told = await until("the alert", async () => {
    const found = await alert("partner");
    return found?.what.endsWith("; and 3 more") && found;
  }, 60);
  assert.match(told.what, /^what cannot be picked up stays at connection partner: .*holds a control character or a backslash; and 3 more$/s);
  await until("only they are left", () => readdirSync(folder("partner/out")).length === bad.length, 60);
  for (const name of bad) rmSync(folder(`partner/out/${name}`));
  await until("the alert is over", async () => !(await alert("partner")), 60);
});

test("a file that is larger than max_size stays, and an alert says so", async () => {
  writeFileSync(folder("drop/large.bin"), Buffer.alloc(2000));
  assert.match((await until("the alert", () => alert("drop"), 60)).what, /large\.bin has 2000 bytes; max_size allows 1024/);
  rmSync(folder("drop/large.bin"));
  await until("the alert is over", async () => !(await alert("drop")), 60);
});

test("a directory that is gone ends in a dead letter that says why; from there it is sent again, by command and by API", async () => {
  renameSync(folder("partner"), folder("gone"));
  writeFileSync(folder("drop/order.edi"), "ISA");
  const first = await appliance.message("a dead letter", (m) => m.filename === "order.edi" && m.direction === "out" && m.status === "failed", 60);
  assert.match(first.reason, /no such file/);
  assert.match(appliance.run("message", "list", "--status", "failed").out, /order\.edi/);
  assert.equal((await appliance.get("/api/v1/jobs")).items.find((job) => job.message === first.id).status, "dead");
  renameSync(folder("gone"), folder("partner"));
  const again = appliance.run("message", "resend", first.id);
  assert.equal(again.code, 0, again.err);
  await appliance.message("it is delivered", (m) => m.id === first.id && m.status === "completed", 60);
  assert.equal(readFileSync(folder("partner/in/order.edi"), "utf8"), "ISA");
  rmSync(folder("partner/in/order.edi"));
  const answer = await appliance.api("POST", `/api/v1/messages/${first.id}/resend`);
  assert.equal(answer.status, 202);
  assert.equal(answer.body.parent, first.id);
  await until("it is there again", () => existsSync(folder("partner/in/order.edi")), 60);
  const unknown = appliance.run("message", "resend", "01a22f14-2865-7000-a977-14565595fa75");
  assert.equal(unknown.code, 3);
  assert.match(unknown.err, /^banyan: .*no message 01a22f14[^\n]*\n$/);
});
