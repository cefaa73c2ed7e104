// Files at FTP servers: picked up, delivered and served as resources, with TLS of both kinds and without, against vsftpd.

import assert from "node:assert/strict";
import {execFileSync} from "node:child_process";
import {existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync} from "node:fs";
import {after, before, test} from "node:test";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";
import {Vsftpd} from "./vsftpd.lib.mjs";

const us = new Appliance();
const servers = Object.fromEntries(["explicit", "implicit", "none"].map((tls) => [tls, new Vsftpd(join(us.directory, `ftp-${tls}`), tls)]));
const outbox = join(us.directory, "outbox");

before(async () => {
  mkdirSync(outbox);
  for (const server of Object.values(servers)) await server.start();
  await us.start();
  const {explicit, implicit, none} = servers;
  for (const [name, server] of [["explicit-ca", explicit], ["implicit-ca", implicit]]) {
    const put = await us.api("PUT", `/api/v1/certificates/${name}`, {name, certificate: server.certificate});
    assert.ok(put.status < 300, JSON.stringify(put.body));
  }
  const connection = (name, server, more) => ({name, kind: "ftp", host: "127.0.0.1", port: server.port, tls: server.tls, user: server.user, password: server.password,
    directory: "files", stable: "0", poll: "150ms", ...more});
  await us.apply({
    connections: [
      {name: "outbox", kind: "file", directory: outbox, poll: "100ms"},
      connection("explicit", explicit, {authorities: ["explicit-ca"], pattern: "in/*.edi"}),
      connection("archiving", explicit, {pinned_key: explicit.pin, pattern: "keep/*.edi", archive: "done/old"}),
      connection("implicit", implicit, {authorities: ["implicit-ca"]}),
      connection("clear", none),
      connection("absolute", none, {directory: join(none.files, "deep dir")}),
      connection("wrong-pin", explicit, {pinned_key: implicit.pin}),
      connection("untrusted", explicit),
      connection("no-tls", none, {tls: "explicit"}),
      connection("wrong-password", explicit, {pinned_key: explicit.pin, password: "another"}),
    ],
    flows: [
      {name: "in-a", from: {connection: "explicit"}, to: [{connection: "outbox", path: "got/{filename}"}]},
      {name: "in-b", from: {connection: "archiving"}, to: [{connection: "outbox", path: "got/{filename}"}]},
    ],
    endpoints: ["explicit", "implicit", "clear", "absolute", "wrong-pin", "untrusted", "no-tls", "wrong-password"].flatMap((name) => [
      {route: `GET /${name}/{path...}`, access: "public", legacy: {connection: name, path: "{path...}"}},
      {route: `DELETE /${name}/{path...}`, access: "public", legacy: {connection: name, path: "{path...}"}},
      {route: `PUT /${name}/{path...}`, access: "public", legacy: {connection: name, path: "{path...}", if_exists: "replace"}, files: {put: "now"}},
      {route: `POST /${name}/{path...}`, access: "public", legacy: {connection: name, path: "{path...}"}, retry: {first: "100ms", maximum: "200ms", attempts: 4}},
    ]),
  });
});
after(async () => {
  await us.remove();
  for (const server of Object.values(servers)) await server.stop();
});

const call = async (path, options) => {
  const answer = await fetch(us.public + path, options);
  const bytes = Buffer.from(await answer.arrayBuffer());
  return {status: answer.status, bytes, text: bytes.toString(), get: (name) => answer.headers.get(name)};
};
const got = (name) => join(outbox, "got", name);

for (const [name, server] of [["explicit", "explicit"], ["implicit", "implicit"], ["clear", "none"], ["absolute", "none"]]) {
  test(`${name}: a file is put, replaced, read in ranges and removed`, async () => {
    const directory = name === "absolute" ? join(servers[server].files, "deep dir") : servers[server].files;
    const content = Buffer.from([...Array(70_000).keys()].map((n) => n & 0xff));
    const made = await call(`/${name}/a%20b/c%23d.bin`, {method: "PUT", body: content});
    assert.equal(made.status, 201, made.text);
    assert.deepEqual(readFileSync(join(directory, "a b", "c#d.bin")), content);
    assert.deepEqual(readdirSync(join(directory, "a b")), ["c#d.bin"], "no temporary name is left");
    assert.equal((await call(`/${name}/a%20b/c%23d.bin`, {method: "PUT", body: "new"})).status, 204);
    const read = await call(`/${name}/a%20b/c%23d.bin`);
    assert.equal(read.text, "new");
    assert.match(read.get("etag"), /^"/);
    const part = await call(`/${name}/a%20b/c%23d.bin`, {headers: {Range: "bytes=1-"}});
    assert.deepEqual([part.status, part.text], [206, "ew"]);
    assert.equal((await call(`/${name}/a%20b/c%23d.bin`, {method: "DELETE"})).status, 204);
    assert.equal(existsSync(join(directory, "a b", "c#d.bin")), false);
    assert.equal((await call(`/${name}/a%20b/c%23d.bin`)).status, 404);
    assert.equal((await call(`/${name}/a%20b/c%23d.bin`, {method: "DELETE"})).status, 404);
  });
}

test("a file is picked up and removed at the server; one that is no match or hidden stays", async () => {
  const directory = join(servers.explicit.files, "in");
  mkdirSync(directory, {recursive: true});
  for (const name of ["one two.edi", "other.txt", ".hidden.edi"]) writeFileSync(join(directory, name), `content of ${name}`);
  await until("it is here", () => existsSync(got("one two.edi")));
  assert.equal(readFileSync(got("one two.edi"), "utf8"), "content of one two.edi");
  await until("it is gone there", () => !existsSync(join(directory, "one two.edi")));
  assert.deepEqual(readdirSync(directory).sort(), [".hidden.edi", "other.txt"]);
});

test("a large file passes through a spool file, byte for byte", async () => {
  const directory = join(servers.explicit.files, "in");
  const content = Buffer.alloc(5 * 1024 * 1024 + 7, "0123456789abcdefghijklmnopqrstuvwxyz");
  writeFileSync(join(directory, "large.part"), content);
  renameSync(join(directory, "large.part"), join(directory, "large.edi"));
  await until("it is here", () => existsSync(got("large.edi")));
  assert.ok(readFileSync(got("large.edi")).equals(content));
});

test("what was picked up is archived where that is wished, also under a name that is taken", async () => {
  const directory = join(servers.explicit.files, "keep");
  mkdirSync(directory, {recursive: true});
  for (const round of ["first", "second"]) {
    writeFileSync(join(directory, "same.edi"), round);
    await until("it is archived", () => !existsSync(join(directory, "same.edi")));
  }
  const archived = readdirSync(join(servers.explicit.files, "done", "old", "keep"));
  assert.equal(archived.length, 2, archived.join());
  assert.deepEqual(archived.map((name) => readFileSync(join(servers.explicit.files, "done", "old", "keep", name), "utf8")).sort(), ["first", "second"]);
});

test("FI-09: a delivery does not overwrite a name that is taken, and goes when it is free", async () => {
  const taken = join(servers.implicit.files, "taken.txt");
  writeFileSync(taken, "there before");
  const accepted = await call("/implicit/taken.txt", {method: "POST", body: "from us"});
  assert.equal(accepted.status, 202);
  const {id} = JSON.parse(accepted.text);
  await until("it says so", async () => (await us.get(`/api/v1/messages/${id}`)).reason?.includes("exists already"));
  assert.equal(readFileSync(taken, "utf8"), "there before");
  rmSync(taken);
  await us.message("it is delivered", (m) => m.id === id && m.status === "completed");
  assert.equal(readFileSync(taken, "utf8"), "from us");
});

test("a server whose key is not the pinned one, whose certificate nobody vouches for, or that has no TLS, gets no password", async () => {
  for (const name of ["wrong-pin", "untrusted", "no-tls"]) {
    const answer = await call(`/${name}/x`);
    assert.equal(answer.status, 502, `${name}: ${answer.text}`);
    const probe = await us.api("POST", `/api/v1/connections/${name}/test`);
    assert.match(JSON.stringify(probe.body), /certificate|TLS|pinned/i, name);
  }
});

test("a refused login is told in words, and not tried again at once", async () => {
  const probe = await us.api("POST", "/api/v1/connections/wrong-password/test");
  assert.match(JSON.stringify(probe.body), /refuses the login of anonymous/);
  assert.ok(!JSON.stringify(probe.body).includes("another"));
  assert.equal((await call("/wrong-password/x")).status, 502);
});

test("the server goes and comes back: deliveries wait for it", async () => {
  await servers.none.stop();
  const accepted = await call("/clear/later.txt", {method: "POST", body: "patience"});
  const {id} = JSON.parse(accepted.text);
  await until("a try fails", async () => (await us.events(id)).some((event) => event.kind === "retry"));
  await servers.none.start();
  await us.message("it is delivered", (m) => m.id === id && m.status === "completed");
  assert.equal(readFileSync(join(servers.none.files, "later.txt"), "utf8"), "patience");
});

test("names that would leave the directory, or break a command, are refused", async () => {
  for (const path of ["/clear/..%2f..%2fetc%2fpasswd", "/clear/a%0d%0aDELE%20b", "/clear/.banyan-x.tmp"]) {
    const answer = await call(path);
    assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status}`);
  }
});

test("settings that do not go together are refused with their place", async () => {
  const base = {name: "bad", kind: "ftp", host: "127.0.0.1", user: "u"};
  for (const [more, place] of [[{tls: "none", pinned_key: "sha256//x"}, "pinned_key"], [{pinned_key: "x"}, "pinned_key"], [{archive: "../up"}, "archive"], [{tls: "maybe"}, "tls"]]) {
    const answer = await us.api("PUT", "/api/v1/connections/bad", {...base, ...more});
    assert.equal(answer.status, 422);
    assert.match(JSON.stringify(answer.body), new RegExp(`/connections/bad/${place}`));
  }
  assert.ok(execFileSync(process.env.BANYAN, ["help", "connections"], {encoding: "utf8"}).includes("kind: ftp."));
});
